"""What no schema can say about this API, told to schemathesis. Loaded by its command, through schemathesis.toml."""

import itertools
from typing import Any

import requests
import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.core.failures import Failure
from schemathesis.core.parameters import ParameterLocation

from tests.support.waiting import HANG_SECONDS

# Fine by the schema, refused for what only the service knows: cursors are signed, `page` times `per_page` is bounded.
# And a job that has ended cannot be cancelled, which is 400 as in the paper.
ONLY_THE_SERVICE_KNOWS = ("cursor-of-another-list", "page-too-deep", "job-has-ended", "idempotency-key-reused")
LONGEST_KEY = 255  # characters
FETCHED = 2  # jobs with a source_url: each starts a task
NOBODY = "http://127.0.0.1:9/video.mp4"  # the discard port: the task fails at once, and so does the webhook
KEPT = 8  # webhooks: of ten there may be, the oldest make room

_numbers = itertools.count(1)
_fetched = itertools.count(1)
_webhooks: list[str] = []  # their addresses, the oldest first


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """What is right goes out with an Idempotency-Key of its own, since a key belongs to one body, and rarely with a
    source_url, since that starts work. Webhooks go where nobody is. What is wrong goes out as it is."""
    if _is_right(case, ParameterLocation.BODY) and isinstance(case.body, dict):
        if case.body.get("source_url"):
            rest = {name: value for name, value in case.body.items() if name != "source_url"}
            case.body = rest | ({"source_url": NOBODY} if next(_fetched) <= FETCHED else {})
        if "url" in case.body:
            case.body = case.body | {"url": NOBODY}
    key = case.headers.get("Idempotency-Key") if case.headers else None
    if key is not None and _is_right(case, ParameterLocation.HEADER):
        case.headers["Idempotency-Key"] = f"{key}{next(_numbers)}"[-LONGEST_KEY:]


@schemathesis.hook
def after_call(context: HookContext, case: Case[Any], response: Response) -> None:
    """An account has ten webhooks: more would all be refused, and nothing be found out about them."""
    if (case.method, case.path, response.status_code) == ("POST", "/webhooks", 201):
        address = f"{response.request.url}/{response.json()['webhook_id']}"
        _webhooks.append(address)
        if len(_webhooks) > KEPT:
            key = {"X-API-Key": response.request.headers["X-API-Key"]}
            requests.delete(_webhooks.pop(0), headers=key, timeout=HANG_SECONDS)


@schemathesis.hook
def filter_failure(context: HookContext, failure: Failure, case: Case[Any], response: Response) -> bool:
    """Keeps every failure but those of schema-valid requests that only the service can tell from good ones."""
    if type(failure).__name__ != "RejectedPositiveData" or response.status_code not in (400, 422):
        return True
    return not str(response.json()["type"]).endswith(ONLY_THE_SERVICE_KNOWS)


def _is_right(case: Case[Any], part: ParameterLocation) -> bool:
    """Whether this part of the request is as the schema wants it."""
    found = case.meta.components.get(part) if case.meta else None
    return found is None or found.mode.is_positive
