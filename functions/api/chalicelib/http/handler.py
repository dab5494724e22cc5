"""What every route has in common: it authenticates and validates the request, and turns exceptions into problems."""

from collections.abc import Callable
from http import HTTPStatus
from typing import Any, cast, get_origin

from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice, Request, Response
from pydantic import BaseModel, ValidationError
from pynamodb.exceptions import PynamoDBException

from chalicelib.http import credentials, rate_limit
from chalicelib.http.problems import Problem, of_not_found, of_validation
from chalicelib.http.routes import ApiRequest, Route
from mediajobs.accounts.key_store import Caller
from mediajobs.accounts.rate_limits import Window
from mediajobs.accounts.usage import Day
from mediajobs.errors import Conflict, Contention, NotFound, QuotaExceeded

_JSON = "application/json"
_MAX_PARAMETERS = 50  # in a query, repeated ones included
_ANONYMOUS = Caller(key_id="", account="", window=Window(0, 0, 0), today=Day("", {}))


def handler(app: Chalice, find: Callable[[], Route]) -> Callable[..., Response]:
    """Returns the function that Chalice calls for a route: the view behind its checks, with its errors as problems.

    `find` is called with the first request, because it loads the view's module.
    """

    def handle(**path: str) -> Response:
        raw = cast("Request", app.current_request)  # read first: the app holds only the current request
        route = find()
        _check_size(raw, route)
        try:
            return _respond(route, _api_request(raw, route), path)
        except NotFound as error:
            raise of_not_found(error) from error
        except QuotaExceeded as error:
            raise rate_limit.over_quota(error) from error
        except Conflict as error:
            raise Problem(HTTPStatus.CONFLICT, str(error)) from error
        except Contention as error:
            raise Problem(HTTPStatus.SERVICE_UNAVAILABLE, str(error), headers={"Retry-After": "1"}) from error
        except (BotoCoreError, ClientError, PynamoDBException) as error:
            raise _unavailable() from error

    return handle


def _respond(route: Route, request: ApiRequest, path: dict[str, str]) -> Response:
    if route.method != "POST" or not route.key or request.headers.get("idempotency-key") is None:
        return route.view(request, **path)
    from chalicelib.http import idempotency  # loaded only for requests with the header, which keeps cold starts short

    return idempotency.answer(request.raw, request.caller, lambda: route.view(request, **path))


def _api_request(raw: Request, route: Route) -> ApiRequest:
    """Raises Problem where the key, the body or the query is not accepted."""
    credential = credentials.of_request(raw, route) if route.key else None
    caller = rate_limit.admit(credential, route) if credential else _ANONYMOUS
    try:
        body = _body(route.body, raw, optional=route.body_optional) if route.body else None
        query = route.query.model_validate(_query(route, raw)) if route.query else None
    except ValidationError as error:  # only here: a ValidationError inside a view is not the client's fault
        raise of_validation(error) from error
    return ApiRequest(raw, caller, body, query, credential.link_query if credential else "")


def _check_size(raw: Request, route: Route) -> None:
    """Raises Problem(413), before the body is parsed and before anything is read from the database."""
    if len(raw.raw_body or b"") > route.max_body_bytes:
        limit = f"The body of this call may have at most {route.max_body_bytes // 1024} KiB."
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, limit)


def _body(model: type[BaseModel], raw: Request, *, optional: bool) -> BaseModel:
    body = raw.raw_body
    if optional and not body:
        return model()
    content_type = raw.headers.get("content-type", _JSON).partition(";")[0].strip().lower()
    if content_type != _JSON:
        raise Problem(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"This call takes {_JSON}. Send it with this Content-Type.")
    if not body:
        raise Problem(HTTPStatus.BAD_REQUEST, "This call needs a JSON body.")
    return model.model_validate_json(body)


def _query(route: Route, raw: Request) -> dict[str, Any]:
    """Returns the query parameters by name, a list for one that is repeated, without those that hold a credential.

    Raises Problem(422) where there are too many, or where one is repeated that takes one value.
    """
    parameters = raw.query_params
    if not parameters:
        return {}
    lists = {name: parameters.getlist(name) for name in parameters if name not in credentials.parameters(route)}
    count = sum(map(len, lists.values()))
    if count > _MAX_PARAMETERS:
        detail = f"The query has {count} parameters. Send at most {_MAX_PARAMETERS}."
        raise Problem(HTTPStatus.UNPROCESSABLE_ENTITY, detail)
    for name, values in lists.items():
        field = route.query.model_fields.get(name) if route.query else None
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
