"""`Idempotency-Key`: a POST that is sent again is not done again."""

import base64
import json
import re
import zlib
from collections.abc import Callable
from http import HTTPStatus
from typing import Any

from chalice.app import Request, Response

from chalicelib.http.problems import Problem
from chalicelib.http.routes import ApiRequest
from mediajobs.accounts.key_store import Caller
from mediajobs.api import idempotency_store
from mediajobs.api.idempotency_store import Answer, InFlight, OtherRequest
from mediajobs.errors import NotFound
from mediajobs.jobs import job_store
from mediajobs.jobs.model import Job

HEADER = "idempotency-key"
_KEY = re.compile(r"[\x21-\x7e]{1,255}")


def answer(request: Request, caller: Caller, view: Callable[[], Response]) -> Response:
    """What the view answers, or what it answered the first time.

    The key counts within an account and a path. Only answers below 400 are kept: a refused request did nothing, so it
    may be tried again, put right or not. Raises Problem: 400 for a malformed key, 409 while the first request has no
    answer, 422 where the key belongs to another body.
    """
    if _KEY.fullmatch(request.headers[HEADER]) is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "Idempotency-Key must have 1 to 255 visible ASCII characters.")
    scope = _scope(request, caller)
    try:
        kept, replayed = idempotency_store.once(scope, _body(request), lambda: _dump(view()), request.lambda_context)
    except InFlight as error:
        raise Problem(
            HTTPStatus.CONFLICT,
            "The first request with this Idempotency-Key is not answered yet. Try again in a few seconds.",
            slug="idempotency-key-in-flight",
            headers={"Retry-After": "2"},
        ) from error
    except OtherRequest as error:
        raise Problem(
            HTTPStatus.UNPROCESSABLE_ENTITY,
            "This Idempotency-Key was used for another body. Use a new key for a new request.",
            slug="idempotency-key-reused",
        ) from error
    headers = kept["headers"] | ({"Idempotency-Replayed": "true"} if replayed else {})
    return Response(_unpacked(kept["body"]), status_code=kept["status"], headers=headers)


def made_before(asked: ApiRequest, job_id: str) -> Job | None:
    """The job that an earlier run of this request made, and was killed before it could say so. From now on it is
    `job_id` that this request makes."""
    scope = _scope(asked.request, asked.caller)
    earlier = idempotency_store.about_to_make(scope, job_id)
    if earlier is None:
        return None
    try:
        return job_store.get(earlier)
    except NotFound:  # it never came so far, or what it made is deleted
        idempotency_store.about_to_make(scope, job_id, instead_of=earlier)
        return None


def _scope(request: Request, caller: Caller) -> tuple[Any, ...]:
    return (caller.account, request.method, request.path, request.uri_params, request.headers[HEADER])


def _body(request: Request) -> Any:
    """As JSON, so that neither spaces nor the order of names make a difference; else, or if too deep, as it came."""
    raw = request.raw_body
    try:
        return json.loads(raw) if raw else None
    except (ValueError, RecursionError):
        return raw.hex() if isinstance(raw, bytes) else raw


def _dump(response: Response) -> Answer:
    return {"status": response.status_code, "headers": dict(response.headers), "body": _packed(response.body)}


def _packed(body: str) -> str:
    """A thousand presigned URLs are a megabyte, which is more than an item holds, and differ in little."""
    return base64.b64encode(zlib.compress(body.encode())).decode()


def _unpacked(packed: str) -> str:
    return zlib.decompress(base64.b64decode(packed)).decode()
