"""What the tests of several rooms share."""

import os
from collections.abc import Iterator
from functools import cache
from typing import Any, Literal

import boto3
import pytest
from botocore.loaders import JSONFileLoader
from moto import mock_aws

from tests.support.template import SETTINGS, make_tables

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


@pytest.fixture(autouse=True)
def the_environment_stays() -> Iterator[None]:
    """Chalice's test client puts a dictionary in its place while it calls; of several threads one may leave its own."""
    yield
    setattr(os, "environ", ENVIRONMENT)  # noqa: B010 - the very object, not its content


@pytest.fixture
def cloud(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The template's tables and bucket, in process."""
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    for variable, value in SETTINGS.items():
        monkeypatch.setenv(variable, value)
    with mock_aws():
        make_tables(_client("dynamodb"))
        _client("s3").create_bucket(Bucket="media")
        _client("s3").put_bucket_versioning(Bucket="media", VersioningConfiguration={"Status": "Enabled"})
        _client("secretsmanager").create_secret(Name="job-tokens", SecretString="the secret of the tests")
        yield


@cache
def _client(service: Literal["dynamodb", "s3", "secretsmanager"]) -> Any:
    """For all tests: moto minds them all, whenever they were made."""
    return boto3.client(service)
