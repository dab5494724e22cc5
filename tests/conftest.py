"""What the tests of several rooms share."""

import os
from collections.abc import Iterator
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, Literal

import boto3
import pytest
from botocore.loaders import JSONFileLoader
from moto import mock_aws
from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[1]
REGION = "us-east-1"

# Before anything makes a client: tests must never reach a real account, nor a stack that somebody runs.
os.environ.pop("AWS_ENDPOINT_URL", None)
os.environ.update(AWS_ACCESS_KEY_ID="test", AWS_SECRET_ACCESS_KEY="test", AWS_DEFAULT_REGION=REGION, AWS_REGION=REGION)
os.environ.update(POWERTOOLS_METRICS_NAMESPACE="mediajobs", POWERTOOLS_SERVICE_NAME="mediajobs")

# Every test begins with new sessions; what botocore finds in its files is the same each time.
_load_file = JSONFileLoader.load_file
_loaded = cache(lambda path: _load_file(JSONFileLoader(), path))
setattr(JSONFileLoader, "load_file", lambda _self, path: _loaded(path))  # noqa: B010 - for mypy

ENVIRONMENT = os.environ
# What the functions are told by the template, where everything is in process.
SETTINGS = {
    "JOBS_TABLE": "JobsTable",
    "KEYS_TABLE": "KeysTable",
    "COUNTERS_TABLE": "CountersTable",
    "TALLIES_TABLE": "TalliesTable",
    "NAMES_TABLE": "NamesTable",
    "USAGE_TABLE": "UsageTable",
    "IDEMPOTENCY_TABLE": "IdempotencyTable",
    "EXPORTS_TABLE": "ExportsTable",
    "CHORES_QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/chores",
    "WEBHOOKS_TABLE": "WebhooksTable",
    "DELIVERIES_TABLE": "DeliveriesTable",
    "CIRCUITS_TABLE": "CircuitsTable",
    "CONNECTIONS_TABLE": "ConnectionsTable",
    "SOCKETS_URL": "https://sockets.execute-api.us-east-1.amazonaws.com/test",
    "WEBHOOKS_QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/webhooks",
    "ATTEMPTS_QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/attempts",
    "MEDIA_BUCKET": "media",
    "STATE_MACHINE": "arn:aws:states:us-east-1:123456789012:stateMachine:pipeline",
    "TASK_RESOURCE": "arn:aws:states:us-east-1:123456789012:activity:tasks",
    "BUS": "mediajobs",
    "FAILED_EVENTS": "https://sqs.us-east-1.amazonaws.com/123456789012/failed",
    "ACCOUNT_CONCURRENCY": "2",
    "SYSTEM_CONCURRENCY": "3",
    "DEFAULT_WHISPER_MODEL": "base",
    "SOURCE_BUCKETS": "",
    "ALLOW_PRIVATE_URLS": "false",
}


@pytest.fixture(autouse=True)
def the_environment_stays() -> Iterator[None]:
    """Chalice's test client puts a dictionary in its place while it calls; of several threads one may leave its own."""
    yield
    setattr(os, "environ", ENVIRONMENT)  # noqa: B010 - the very object, not its content


def template() -> dict[str, Any]:
    """template.yaml as data."""
    return deepcopy(_parsed())


@cache
def _parsed() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return parsed


def make_tables(client: Any) -> None:
    """The tables of the template, each named as its resource."""
    for name, resource in _parsed()["Resources"].items():
        if resource["Type"] == "AWS::DynamoDB::Table":
            wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
            properties = {key: resource["Properties"][key] for key in wanted if key in resource["Properties"]}
            client.create_table(TableName=name, **properties)


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The template's tables and bucket, in process."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for variable, value in SETTINGS.items():
        monkeypatch.setenv(variable, value)
    with mock_aws():
        make_tables(_client("dynamodb"))
        _client("s3").create_bucket(Bucket="media")
        yield


@cache
def _client(service: Literal["dynamodb", "s3"]) -> Any:
    """For all tests: moto minds them all, whenever they were made."""
    return boto3.client(service)
