"""What goes over the wire: calls to AWS, as botocore sends them."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.endpoint import Endpoint
from moto.dynamodb.responses import DynamoHandler


@contextmanager
def calls() -> Iterator[list[str]]:
    """The names of the operations that are sent within the block, in order."""
    sent: list[str] = []
    send = Endpoint.make_request

    def noted(self: Endpoint, operation: Any, request: Any) -> Any:
        sent.append(operation.name)
        return send(self, operation, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Endpoint, "make_request", noted)
        yield sent


@contextmanager
def atomic_writes() -> Iterator[None]:
    """DynamoDB's writes are atomic, transactions too; moto's are not when several threads call it."""
    lock = threading.Lock()
    with pytest.MonkeyPatch.context() as patch:
        for name in ("update_item", "put_item", "transact_write_items"):
            patch.setattr(DynamoHandler, name, _locked(getattr(DynamoHandler, name), lock))
        yield


def _locked(write: Any, lock: threading.Lock) -> Any:
    def locked(*arguments: Any) -> Any:
        with lock:
            return write(*arguments)

    return locked
