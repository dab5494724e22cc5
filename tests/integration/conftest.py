"""What the integration tests share."""

from collections.abc import Iterator

import boto3
import pytest
from chalice.test import Client

from tests.support.clocks import Clock, stop_clock
from tests.support.functions import load
from tests.support.http_api import Ask


@pytest.fixture
def ask(cloud: None) -> Iterator[Ask]:
    """ask(method, path, body, query=…, key=…): the API as the account `acme` sees it."""
    with Client(load("api").app) as client:
        yield Ask(client)


@pytest.fixture
def background_queue(cloud: None) -> None:
    """Where the API sends what a request has no time for."""
    boto3.client("sqs").create_queue(QueueName="background")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Every clock of the library: it stands still until it is turned."""
    return stop_clock(monkeypatch)
