"""Health, seen from outside: open to everybody, and true."""

import os
import signal
import time
from collections.abc import Callable
from typing import Any

import requests

from infra.local import Stack

PARTS = {"dynamodb", "s3", "stepfunctions", "eventbridge", "compute", "webhooks", "disk"}


def health(stack: Stack) -> dict[str, Any]:
    answer = requests.get(f"{stack.api_url}/health/detailed", timeout=30)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def until(stack: Stack, wanted: Callable[[dict[str, Any]], bool], seconds: float = 30.0) -> dict[str, Any]:
    """The first document that is so."""
    deadline = time.monotonic() + seconds
    while not wanted(document := health(stack)):
        assert time.monotonic() < deadline, document
        time.sleep(0.2)
    return document


def worker(stack: Stack) -> int:
    return int(stack.processes["worker"]["pid"])


def lives(document: dict[str, Any]) -> bool:
    return bool(document["services"]["compute"]["status"] == "healthy")


def well(document: dict[str, Any]) -> bool:
    """The disk is this machine's, and events may have failed in other tests: both count for a warning."""
    return bool(document["overall"] in ("healthy", "warning"))


def test_every_part_of_the_stack_is_well(stack: Stack) -> None:
    services = until(stack, well)["services"]
    assert set(services) == PARTS
    told = {name: service["status"] for name, service in services.items() if name not in ("webhooks", "disk")}
    assert set(told.values()) == {"healthy"}
    assert services["compute"]["workers"] == 1
    assert services["disk"]["total_gb"] >= services["disk"]["free_gb"] > 0


def test_a_worker_that_stands_still_degrades_the_service_until_it_goes_on(stack: Stack) -> None:
    until(stack, well)
    os.kill(worker(stack), signal.SIGSTOP)
    try:
        document = until(stack, lambda found: not lives(found))
        assert document["overall"] == "degraded"
        assert document["services"]["compute"]["workers"] == 0
    finally:
        os.kill(worker(stack), signal.SIGCONT)
    assert lives(until(stack, well))


def test_what_the_gateway_refuses_has_a_request_id_too(stack: Stack) -> None:
    answer = requests.request("TRACE", f"{stack.api_url}/health", timeout=30)
    assert answer.status_code == 404
    assert answer.json()["status"] == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"]
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]
