"""Requests that DynamoDB refuses since another transaction is on their items; neither moto nor the local stack does."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders

from mediajobs.aws import dynamodb

_REASONS = [{"Code": "None"}, {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}]
CANCELLED = {"__type": "com.amazonaws.dynamodb.v20120810#TransactionCanceledException", "CancellationReasons": _REASONS}
CONFLICT = {"__type": "com.amazonaws.dynamodb.v20120810#TransactionConflictException", "message": "ongoing"}


class _Raw(io.BytesIO):
    def stream(self, **_: Any) -> Iterator[bytes]:
        yield self.read()


@contextmanager
def refused(
    operation: str, body: dict[str, Any], *, times: int = 1, only: Callable[[dict[str, Any]], bool] = lambda _: True
) -> Iterator[list[bool]]:
    """Refuses the first `times` requests of this operation, of those that `only` holds for, with this body.

    Gives, for each of those requests that was sent, whether it was refused.
    """
    sent: list[bool] = []

    def refuse(request: Any, **_: Any) -> AWSResponse | None:
        if not only(json.loads(request.body)):
            return None
        sent.append(sent.count(True) < times)
        return AWSResponse(request.url, 400, HTTPHeaders(), _Raw(json.dumps(body).encode())) if sent[-1] else None

    events, event = dynamodb.client().meta.events, f"before-send.dynamodb.{operation}"
    events.register_first(event, refuse)
    try:
        yield sent
    finally:
        events.unregister(event, refuse)
