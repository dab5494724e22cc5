"""How the clients of AWS are made: how long they wait, and for which host S3's URLs are signed."""

import ast
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import pytest

from mediajobs.aws.dynamodb import connection
from mediajobs.health import check_service
from mediajobs.live_progress import push_client
from mediajobs.pipeline import executions_client
from mediajobs.storage import presigned_upload_store
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.upload_plan import Part
from mediajobs.webhooks import attempt_queue, delivery_service
from tests.support.template import ROOT, SETTINGS, template

REQUEST_SECONDS = 29  # then the gateway answers by itself
LONGEST_PAUSE = 1  # second, before the first retry
REST = 5  # seconds, for what else there is to do
STORES = ROOT / "layers" / "python" / "mediajobs"
FOR_BODIES: dict[str, Callable[[], Any]] = {
    "objects": lambda: MediaBucket("media").client,
    "uploads": lambda: presigned_upload_store._transfer_client(),
}
FOR_REQUESTS: dict[str, Callable[[], Any]] = {
    "rows": lambda: connection().client,
    "attempts": lambda: delivery_service._circuits().client,
    "objects": lambda: MediaBucket("media").metadata_client,
    "uploads": lambda: presigned_upload_store._client(),
    "executions": lambda: executions_client._client(),
    "hints": lambda: attempt_queue._client(),
    "pushes": lambda: push_client.gateway(),
    "health": lambda: check_service._clients()["dynamodb"],
}
PARTS = [Part(1, 5)]
URLS: dict[str, Callable[[], str]] = {
    "PUT": lambda: presigned_upload_store.single_upload("sources/A/source", None, None)["url"],
    "parts": lambda: presigned_upload_store.multipart_upload("sources/A/source", "id", PARTS, "")["parts"][0]["url"],
    "GET": lambda: MediaBucket("media").presigned_get("sources/A/source"),
}


@pytest.fixture(autouse=True)
def afresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Nothing is kept from the test before, nor for the one after."""
    kept = (
        delivery_service._circuits,
        presigned_upload_store._client,
        presigned_upload_store._transfer_client,
        executions_client._client,
        attempt_queue._client,
        push_client.gateway,
        check_service._clients,
    )
    for variable, value in SETTINGS.items():
        monkeypatch.setenv(variable, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    for each in kept:
        each.cache_clear()
    yield
    for each in kept:
        each.cache_clear()


def shortest() -> int:
    """The seconds after which the first of the functions, or a request, is ended."""
    parsed = template()
    usual = parsed["Globals"]["Function"]["Timeout"]
    functions = [own for own in parsed["Resources"].values() if own["Type"] == "AWS::Serverless::Function"]
    return min([REQUEST_SECONDS, *(int(own["Properties"].get("Timeout", usual)) for own in functions)])


def tries(client: Any) -> int:
    found: int = client.meta.config.retries["total_max_attempts"]
    return found


@pytest.mark.parametrize("name", FOR_REQUESTS)
def test_a_connection_that_hangs_leaves_time_for_another_try(name: str) -> None:
    client = FOR_REQUESTS[name]()
    config = client.meta.config
    for hangs in (config.connect_timeout, config.read_timeout):
        assert hangs + LONGEST_PAUSE + config.connect_timeout + config.read_timeout + REST <= shortest()
    assert tries(client) > 1 or config.read_timeout < 1  # health is asked again by whoever looks


def test_dynamodb_that_hangs_is_told_of_by_the_request_itself() -> None:
    client: Any = connection().client
    pauses = sum(2**number for number in range(tries(client) - 1))
    assert tries(client) * client.meta.config.read_timeout + pauses < shortest()


@pytest.mark.parametrize("name", FOR_BODIES)
def test_what_s3_copies_or_joins_may_take_a_minute(name: str) -> None:
    assert FOR_BODIES[name]().meta.config.read_timeout >= 60


@pytest.mark.parametrize("region", ["us-east-1", "eu-west-1", "eu-south-1"])
@pytest.mark.parametrize("kind", URLS)
def test_urls_name_the_buckets_region(monkeypatch: pytest.MonkeyPatch, kind: str, region: str) -> None:
    for variable in ("AWS_REGION", "AWS_DEFAULT_REGION"):
        monkeypatch.setenv(variable, region)
    url = urlsplit(URLS[kind]())
    hosts = {f"media.s3.{region}.amazonaws.com"} | ({"media.s3.amazonaws.com"} if region == "us-east-1" else set())
    assert url.netloc in hosts
    assert url.path == "/sources/A/source"


@pytest.mark.parametrize("variable", ["AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"])
@pytest.mark.parametrize("kind", URLS)
def test_an_endpoint_of_ones_own_has_the_bucket_in_the_path(
    monkeypatch: pytest.MonkeyPatch, kind: str, variable: str
) -> None:
    monkeypatch.setenv(variable, "http://localhost:4566")
    url = urlsplit(URLS[kind]())
    assert (url.netloc, url.path) == ("localhost:4566", "/media/sources/A/source")


def makers(path: Path) -> list[str]:
    """Where boto3 is named, by import or use."""
    named = [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Import)]
    return [alias.name for node in named for alias in node.names if alias.name == "boto3"]


def test_no_store_makes_clients_of_its_own() -> None:
    assert [path.name for path in sorted(STORES.rglob("*.py")) if makers(path)] == ["clients.py"]
