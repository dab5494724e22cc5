"""`Idempotency-Key`: a POST that is sent again is not executed again."""

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


def answer(raw: Request, caller: Caller, view: Callable[[], Response]) -> Response:
    """Returns what the view answers, or what it answered to the first request with the same key.

    The scope of a key is an account and a path. Only answers below 400 are stored: a refused request changed nothing,
    so it may be sent again under the same key, corrected or not. Raises Problem: 400 for a malformed key, 409 while the
    first request has no answer yet, 422 where the key was used with another body.
    """
    if _KEY.fullmatch(raw.headers[HEADER]) is None:
        raise Problem(HTTPStatus.BAD_REQUEST, "Idempotency-Key must have 1 to 255 visible ASCII characters.")
    scope = _scope(raw, caller)
    try:
        stored, replayed = idempotency_store.once(scope, _body(raw), lambda: _dump(view()), raw.lambda_context)
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
    headers = stored["headers"] | ({"Idempotency-Replayed": "true"} if replayed else {})
    return Response(_decompressed(stored["body"]), status_code=stored["status"], headers=headers)


def job_created_before(request: ApiRequest, job_id: str) -> Job | None:
    """Returns the job that an earlier run of this request created before it was killed without an answer.

    None where there is no such job. Then `job_id` is noted as the id that this request is about to create.
    """
    scope = _scope(request.raw, request.caller)
    earlier = idempotency_store.note_creation(scope, job_id)
    if earlier is None:
        return None
    try:
        return job_store.get(earlier)
    except NotFound:  # the earlier run was killed before it stored the job, or the job was deleted since
        idempotency_store.note_creation(scope, job_id, instead_of=earlier)
        return None


def _scope(raw: Request, caller: Caller) -> tuple[Any, ...]:
    return (caller.account, raw.method, raw.path, raw.uri_params, raw.headers[HEADER])


def _body(raw: Request) -> Any:
    """Returns the body as parsed JSON, so that spaces and the order of names make no difference.

    A body that is no JSON, or is nested too deep, is returned as it was sent.
    """
    body = raw.raw_body
    try:
        return json.loads(body) if body else None
    except (ValueError, RecursionError):
        return body.hex() if isinstance(body, bytes) else body


def _dump(response: Response) -> Answer:
    return {"status": response.status_code, "headers": dict(response.headers), "body": _compressed(response.body)}


def _compressed(body: str) -> str:
    """A thousand presigned URLs are a megabyte, more than an item may have. They differ little, so they compress well.

    Base64 of the zlib stream.
    """
    return base64.b64encode(zlib.compress(body.encode())).decode()


def _decompressed(body: str) -> str:
    return zlib.decompress(base64.b64decode(body)).decode()
