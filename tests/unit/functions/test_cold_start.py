"""What Lambda loads before the first request: what every route needs, and no more."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from tests.support.functions import load
from tests.support.template import ROOT, SETTINGS
from tests.support.waiting import HANG_SECONDS

load("api")
from chalicelib.http import route_table  # noqa: E402 - its folder is on the path from here on

_START = """
import json, sys
import app
from pydantic import BaseModel

def subclasses(model):
    return {each for below in model.__subclasses__() for each in {below} | subclasses(below)}

ours = [model for model in subclasses(BaseModel) if model.__module__.partition(".")[0] in ("mediajobs", "chalicelib")]
print(json.dumps({
    "modules": sorted(sys.modules),
    "built": sorted(model.__name__ for model in ours if model.__pydantic_complete__),
}))
"""
# Each costs as much as several requests, and only some routes need it.
_FOR_SOME = {
    "boto3",
    "s3transfer",
    "ulid",
    "requests",
    "concurrent.futures.thread",
    "aws_lambda_powertools.utilities.idempotency",
    "aws_lambda_powertools.utilities.parser",
    "mediajobs.jobs.schemas",
    "mediajobs.jobs.model",
    "mediajobs.api.request_types",
    "mediajobs.jobs.job_store",
    "mediajobs.webhooks.endpoint_store",
    "mediajobs.storage.bucket_store",
    "mediajobs.accounts.schemas",
}


@pytest.fixture(scope="module")
def started() -> dict[str, Any]:
    """The modules that a new process has, and the models that it has built, once app.py is loaded."""
    path = os.pathsep.join(str(ROOT / folder) for folder in ("functions/api", "layers/python"))
    environment = {**os.environ, **SETTINGS, "PYTHONPATH": path}
    answer = subprocess.check_output([sys.executable, "-c", _START], env=environment, text=True, timeout=HANG_SECONDS)
    found: dict[str, Any] = json.loads(answer)
    return found


def test_it_loads_no_view_and_nothing_that_only_some_routes_need(started: dict[str, Any]) -> None:
    own = {f"chalicelib.views.{module}" for module in route_table.OPERATIONS}
    assert not set(started["modules"]) & (own | _FOR_SOME)


def test_it_builds_no_model(started: dict[str, Any]) -> None:
    assert started["built"] == []


@pytest.mark.parametrize("module", route_table.OPERATIONS)
def test_a_module_of_views_declares_the_operations_that_it_is_loaded_for_and_no_others(module: str) -> None:
    declared = {f"{route.method} {route.path}" for route in route_table.routes_of(module)}
    assert declared == set(route_table.OPERATIONS[module])


def test_every_module_of_views_is_in_the_table() -> None:
    folder = ROOT / "functions" / "api" / "chalicelib" / "views"
    declaring = {path.stem for path in folder.glob("*.py") if "\nroutes = Routes(" in path.read_text()}
    assert declaring == set(route_table.OPERATIONS)
