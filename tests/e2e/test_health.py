"""Health, seen from outside: open to everybody, and true."""

import os
import signal
from collections.abc import Callable
from typing import Any

import requests

from infra.local import Stack
from tests.support.waiting import HANG_SECONDS, until

PARTS = {"dynamodb", "s3", "stepfunctions", "eventbridge", "compute", "webhooks", "disk"}


def health(stack: Stack) -> dict[str, Any]:
    answer = requests.get(f"{stack.api_url}/health/detailed", timeout=HANG_SECONDS)
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def document_that(stack: Stack, is_so: Callable[[dict[str, Any]], bool]) -> dict[str, Any]:
    """The first document that is so."""

    def look() -> dict[str, Any] | None:
        document = health(stack)
        return document if is_so(document) else None

    return until(look, lambda: health(stack)) or {}


def worker(stack: Stack) -> int:
    return int(stack.processes["worker"]["pid"])


def lives(document: dict[str, Any]) -> bool:
    return bool(document["services"]["compute"]["status"] == "healthy")


def well(document: dict[str, Any]) -> bool:
    """The disk is this machine's, and events may have failed in other tests: both count for a warning."""
    return bool(document["overall"] in ("healthy", "warning"))


def test_every_part_of_the_stack_is_well(stack: Stack) -> None:
    services = document_that(stack, well)["services"]
    assert set(services) == PARTS
    told = {name: service["status"] for name, service in services.items() if name not in ("webhooks", "disk")}
    assert set(told.values()) == {"healthy"}
    assert services["compute"]["workers"] == 1
    assert services["disk"]["total_gb"] >= services["disk"]["free_gb"] > 0


def test_a_worker_that_stands_still_degrades_the_service_until_it_goes_on(stack: Stack) -> None:
    document_that(stack, well)
    os.kill(worker(stack), signal.SIGSTOP)
    try:
        document = document_that(stack, lambda found: not lives(found))
        assert document["overall"] == "degraded"
        assert document["services"]["compute"]["workers"] == 0
    finally:
        os.kill(worker(stack), signal.SIGCONT)
    assert lives(document_that(stack, well))


def test_what_the_gateway_refuses_has_a_request_id_too(stack: Stack) -> None:
    answer = requests.request("TRACE", f"{stack.api_url}/health", timeout=HANG_SECONDS)
    assert answer.status_code == 404
    assert answer.json()["status"] == 404
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"]
    assert "X-Request-Id" in answer.headers["Access-Control-Expose-Headers"]
