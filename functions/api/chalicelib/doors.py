"""What every route has in common: who is asking, what they sent, and what becomes of an exception."""

import functools
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, TypeVar

from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Blueprint, Request, Response
from pydantic import BaseModel, ValidationError
from pynamodb.exceptions import PynamoDBException

from chalicelib.problems import Problem, of_validation
from mediajobs.errors import Conflict, NotFound
from mediajobs.ids import is_job_id
from mediajobs.jobs import Job
from mediajobs.stores import jobs, keys
from mediajobs.stores.keys import Caller

_LARGEST_BODY = 1024 * 1024

Body = TypeVar("Body", bound=BaseModel)
Headers = dict[str, str | list[str]]


def authenticated(blueprint: Blueprint, *, key_in_query: bool = False) -> Callable[[Callable[..., Any]], Any]:
    """Gives a view the caller as its first argument. `key_in_query`: players and EventSource cannot set headers."""

    def decorate(view: Callable[..., Any]) -> Callable[..., Any]:
        @functools.wraps(view)
        def door(**path: str) -> Any:
            request = blueprint.current_request
            key = request.headers.get("x-api-key")
            if key is None and key_in_query:
                key = query_key(request)
            return view(_caller(key), **path)

        return guarded(door)

    return decorate


def guarded(view: Callable[..., Any]) -> Callable[..., Any]:
    """Turns what a view raises into a problem."""

    @functools.wraps(view)
    def door(**path: str) -> Any:
        try:
            return view(**path)
        except ValidationError as error:
            raise of_validation(error) from error
        except NotFound as error:
            raise Problem(HTTPStatus.NOT_FOUND, f"There is no job {error}.") from error
        except Conflict as error:
            raise Problem(HTTPStatus.CONFLICT, str(error)) from error
        except (BotoCoreError, ClientError, PynamoDBException) as error:
            raise _unavailable() from error

    return door


def read(model: type[Body], request: Request) -> Body:
    """The body as the model says. Raises Problem and ValidationError."""
    raw = request.raw_body
    if len(raw) > _LARGEST_BODY:
        raise Problem(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "The body may have at most 1 MiB.")
    if not raw:
        raise Problem(HTTPStatus.BAD_REQUEST, "This call needs a JSON body.")
    return model.model_validate_json(raw)


def own_job(caller: Caller, job_id: str) -> Job:
    """The caller's job. Raises NotFound, and Problem(403) for somebody else's."""
    if not is_job_id(job_id):
        raise NotFound(job_id)
    return owned(caller, jobs.get(job_id))


def owned(caller: Caller, job: Job) -> Job:
    if job.account != caller.account:
        raise Problem(HTTPStatus.FORBIDDEN, "This job belongs to another account.")
    return job


def query_key(request: Request) -> str | None:
    """The key in the query, for those who cannot set headers."""
    return request.query_params.get("api_key") if request.query_params else None


def redirect(url: str) -> Response:
    return Response("", status_code=HTTPStatus.FOUND.value, headers={"Location": url, "Cache-Control": "no-store"})


def _caller(key: str | None) -> Caller:
    cure = "Send your API key in the header X-API-Key."
    if not key:
        raise Problem(HTTPStatus.UNAUTHORIZED, f"The API key is missing. {cure}")
    caller = keys.authenticate(key)
    if caller is None:
        raise Problem(HTTPStatus.UNAUTHORIZED, "The API key is malformed, unknown or revoked. Make a new one.")
    return caller


def _unavailable() -> Problem:
    return Problem(
        HTTPStatus.SERVICE_UNAVAILABLE,
        "A part of the service does not answer. Nothing was lost; try again in a few seconds.",
        headers={"Retry-After": "5"},
    )
