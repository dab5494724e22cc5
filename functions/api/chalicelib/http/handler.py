"""What every route has in common: who is asking, what they sent, and what becomes of an exception."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast, get_origin

from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice, Request, Response
from pydantic import BaseModel, ValidationError
from pynamodb.exceptions import PynamoDBException

from chalicelib.http import rate_limit
from chalicelib.http.problems import Problem, of_validation
from chalicelib.http.responses import key_in_query
from chalicelib.http.routes import ApiRequest, Route
from mediajobs.accounts.key_store import Caller
from mediajobs.accounts.rate_limits import Window
from mediajobs.accounts.usage import Day
from mediajobs.errors import Conflict, Contention, NotFound, QuotaExceeded

_JSON = "application/json"
_LARGEST_BODY = 1024 * 1024
_NOBODY = Caller(key_id="", account="", window=Window(0, 0, 0), today=Day("", {}))


def handler(app: Chalice, find: Callable[[], Route]) -> Callable[..., Response]:
    """A route's view behind its checks; whatever it raises becomes a problem. The route is found when it is needed."""

    def opened(**path: str) -> Response:
        request = cast("Request", app.current_request)  # before all else: Chalice has one place for it
        route = find()
        try:
            asked = _asked(request, route)
            return _answer(route, asked, path)
        except NotFound as error:
            raise Problem(HTTPStatus.NOT_FOUND, f"There is no job {error}.") from error
        except QuotaExceeded as error:
            raise rate_limit.over_quota(error) from error
        except Conflict as error:
            raise Problem(HTTPStatus.CONFLICT, str(error)) from error
        except Contention as error:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"Retry-After": "1"}) from error
        except (BotoCoreError, ClientError, PynamoDBException) as error:
            raise _unavailable() from error

    return opened


def _answer(route: Route, asked: ApiRequest, path: dict[str, str]) -> Response:
    if route.method != "POST" or not route.key or asked.headers.get("idempotency-key") is None:
        return route.view(asked, **path)
    from chalicelib.http import idempotency  # most requests do without, and start sooner

    return idempotency.answer(asked.request, asked.caller, lambda: route.view(asked, **path))


def _asked(request: Request, route: Route) -> ApiRequest:
    caller = _caller(request, route) if route.key else _NOBODY
    try:
        body = _body(route.body, request, optional=route.body_optional) if route.body else None
        query = route.query.model_validate(_query(route.query, request)) if route.query else None
    except ValidationError as error:  # what a view meets later is nothing that the client sent
        raise of_validation(error) from error
    return ApiRequest(request, caller, body, query)


def _caller(request: Request, route: Route) -> Caller:
    key = request.headers.get("x-api-key")
    if key is None and route.key == "query":
        key = key_in_query(request)
    if not key:
        raise Problem(HTTPStatus.UNAUTHORIZED, "The API key is missing. Send it in the header X-API-Key.")
    caller = rate_limit.admit(key, route)
    if caller is None:
        raise Problem(HTTPStatus.UNAUTHORIZED, "The API key is malformed, unknown or revoked. Make a new one.")
    return caller


def _body(model: type[BaseModel], request: Request, *, optional: bool) -> BaseModel:
    raw = request.raw_body
    if optional and not raw:
        return model()
    kind = request.headers.get("content-type", _JSON).partition(";")[0].strip().lower()
    if kind != _JSON:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"This call takes {_JSON}. Send it with this Content-Type.")
    if len(raw) > _LARGEST_BODY:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body may have at most 1 MiB.")
    if not raw:
        raise Problem(HTTPStatus.BAD_REQUEST, "This call needs a JSON body.")
    return model.model_validate_json(raw)


def _query(model: type[BaseModel], request: Request) -> dict[str, Any]:
    """Every parameter by name; one that is repeated has a list. The key is not for the view."""
    given = request.query_params
    if not given:
        return {}
    lists = {name: given.getlist(name) for name in given if name != "api_key"}
    for name, values in lists.items():
        field = model.model_fields.get(name)
        if len(values) > 1 and field is not None and get_origin(field.annotation) is not list:
            detail = f"The parameter {name} is there {len(values)} times. Give it once."
            raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    return {name: values[0] if len(values) == 1 else values for name, values in lists.items()}


def _unavailable() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "A part of the service does not answer. Nothing was lost; try again in a few seconds.",
        headers={"Retry-After": "5"},
    )
