"""The clients of a task find the credentials of its job at the launcher's address, and take new ones in time."""

import json
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import boto3
import pytest
import requests
from pynamodb.connection import Connection

from statemachine.tasks import launcher, loopback_server
from statemachine.tasks.loopback_server import Answer
from tests.support.waiting import HANG_SECONDS


class _Endpoint:
    """Each answer has another key, and ends so soon that botocore asks again before it is used once more."""

    def __init__(self) -> None:
        self._numbers = count(1)

    def answer(self) -> Answer:
        expiration = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
        keys = {"AccessKeyId": f"KEY{next(self._numbers)}", "SecretAccessKey": "secret", "Token": "token"}
        return Answer(200, {}, json.dumps(keys | {"Expiration": expiration}).encode())


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Any:
    """boto3's client, as for S3, and PynamoDB's, in the environment of a task."""
    with loopback_server.serve(_Endpoint().answer) as url:
        environment = launcher.task_environment({"AWS_ACCESS_KEY_ID": "wide", "AWS_SECRET_ACCESS_KEY": "wide"}, url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"):
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        yield {"boto3": boto3.Session().client("s3"), "pynamodb": Connection().client}


@pytest.mark.parametrize("library", ["boto3", "pynamodb"])
def test_a_client_takes_new_credentials_before_the_old_ones_end(clients: Any, library: str) -> None:
    credentials = clients[library]._request_signer._credentials
    first, second = credentials.get_frozen_credentials(), credentials.get_frozen_credentials()
    assert credentials.method == "container-role"
    assert first.access_key.startswith("KEY")
    assert first.access_key != second.access_key


def test_nobody_who_does_not_know_the_path_gets_credentials() -> None:
    with loopback_server.serve(_Endpoint().answer) as url:
        address, _, secret = url.rpartition("/")
        assert len(secret) >= 43  # 256 bits
        for path in ("/", "/credentials", f"/{secret[:-1]}", f"/{secret}/"):
            answer = requests.get(address + path, timeout=HANG_SECONDS)
            assert (answer.status_code, answer.content) == (404, b"")
        assert requests.get(url, timeout=HANG_SECONDS).json()["AccessKeyId"] == "KEY1"
