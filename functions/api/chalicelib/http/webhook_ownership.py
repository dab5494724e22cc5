"""A webhook belongs to an account. Every view asks here before it reads or changes one."""

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

from chalicelib.http.problems import Problem
from chalicelib.http.routes import ApiRequest
from mediajobs.errors import NotFound
from mediajobs.ids import WEBHOOK_ID
from mediajobs.webhooks import endpoint_store
from mediajobs.webhooks.endpoints import Endpoint


def own_webhook(asked: ApiRequest, webhook_id: str) -> Endpoint:
    """The caller's webhook. Raises Problem(404), whether it is somebody else's or nobody's."""
    with webhook_or_404(webhook_id):
        return endpoint_store.get(asked.caller.account, webhook_id)


@contextmanager
def webhook_or_404(webhook_id: str) -> Iterator[None]:
    """What is not found is this webhook; what cannot be the id of one is not looked for."""
    missing = Problem(HTTPStatus.NOT_FOUND, f"There is no webhook {webhook_id}. GET /webhooks lists yours.")
    if WEBHOOK_ID.fullmatch(webhook_id) is None:
        raise missing
    try:
        yield
    except NotFound as error:
        raise missing from error
