"""`/health/detailed` before real servers: an emulator, a port where nobody listens, one where nobody answers."""

import io
import json
import os
import socket
import threading
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import Future
from typing import Any

import pytest
from botocore.config import Config
from chalice.test import Client, HTTPResponse

from infra.local.ports import free_port
from mediajobs.aws import clients
from mediajobs.health import check_service, worker_store
from mediajobs.health.report import Disk, Heartbeat
from tests.support.clocks import Clock
from tests.support.emulator import ministack
from tests.support.functions import load
from tests.support.template import make_tables
from tests.support.waiting import HANG_SECONDS, until

API = load("api")
from chalicelib.views import health as route  # noqa: E402 - its folder is on the path from here on

ACTIVITY = "arn:aws:states:us-east-1:000000000000:activity:tasks"
BATCH = "arn:aws:states:::batch:submitJob.sync"
DISK = Disk(total=100 << 30, used=40 << 30, free=60 << 30)
NAMES = {"S3": "s3", "SFN": "stepfunctions", "EVENTBRIDGE": "events", "SQS": "sqs", "DYNAMODB": "dynamodb"}
# A client for what answers, however busy this machine is.
PATIENT = Config(
    connect_timeout=HANG_SECONDS,
    read_timeout=HANG_SECONDS,
    retries={"total_max_attempts": 1},
    s3={"addressing_style": "path"},
)
make_client = clients.client

Stop = Callable[[str, str], None]


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with ministack(tmp_path_factory.mktemp("health")) as session:
        yield session


@pytest.fixture(scope="module")
def settings(session: Any) -> dict[str, str]:
    """What is behind the service, made once, and its names as the function is told them."""
    make_tables(session.client("dynamodb"))
    session.client("s3").create_bucket(Bucket="media")
    session.client("events").create_event_bus(Name="bus")
    definition = json.dumps({"StartAt": "End", "States": {"End": {"Type": "Succeed"}}})
    machine = session.client("stepfunctions").create_state_machine(
        name="pipeline", roleArn="arn:aws:iam::000000000000:role/any", definition=definition
    )

    def queue(name: str) -> str:
        return str(session.client("sqs").create_queue(QueueName=name)["QueueUrl"])

    return {
        "JOBS_TABLE": "JobsTable",
        "COUNTERS_TABLE": "CountersTable",
        "MEDIA_BUCKET": "media",
        "EVENT_BUS": "bus",
        "STATE_MACHINE": machine["stateMachineArn"],
        **{name: queue(name) for name in ("WEBHOOK_EVENTS_QUEUE", "WEBHOOK_ATTEMPTS_QUEUE", "FAILED_EVENTS_QUEUE")},
        "TASK_RESOURCE": ACTIVITY,
        "CPU_JOB_QUEUE": "cpu",
        "GPU_JOB_QUEUE": "gpu",
        "AWS_ENDPOINT_URL": session.client("s3").meta.endpoint_url,
    }


@pytest.fixture
def table(session: Any) -> Any:
    return session.client("dynamodb")


@pytest.fixture(autouse=True)
def service(settings: dict[str, str], table: Any, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """All is well, with one worker; nothing is kept from the test before."""
    for name, value in settings.items():
        monkeypatch.setenv(name, value)
    table.delete_item(TableName="CountersTable", Key={"name": {"S": "workers"}})
    worker_store.note(table, "one", Heartbeat(clock.seconds, 10.0, DISK))
    monkeypatch.setattr(check_service, "LIMIT_SECONDS", HANG_SECONDS)
    monkeypatch.setattr(clients, "client", lambda name, _config: make_client(name, PATIENT))
    forget()
    yield
    forget()


@pytest.fixture
def stop(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stop]:
    """stop(service, how): from now on nobody is there (`refuses`), or nobody answers (`hangs`)."""
    silent = socket.create_server(("127.0.0.1", 0))
    closed = free_port(0)

    def end(service: str, how: str) -> None:
        port = silent.getsockname()[1] if how == "hangs" else closed
        monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", f"http://127.0.0.1:{port}")
        if how == "hangs":
            monkeypatch.setattr(
                clients, "client", lambda name, config: make_client(name, config if name == NAMES[service] else PATIENT)
            )
        forget()

    yield end
    silent.close()


def forget() -> None:
    route._cache.clear()
    check_service._clients.cache_clear()


def ask() -> HTTPResponse:
    with Client(API.app) as client:
        return client.http.request("GET", "/health/detailed")


def told() -> dict[str, Any]:
    """The document, or a failure where the answer does not come."""
    answers: list[HTTPResponse] = []
    asking = threading.Thread(target=lambda: answers.append(ask()), daemon=True)
    asking.start()
    asking.join(HANG_SECONDS)
    assert answers, "no answer"
    assert answers[0].status_code == 200
    document: dict[str, Any] = answers[0].json_body
    return document


def statuses(document: dict[str, Any]) -> dict[str, str]:
    return {name: service["status"] for name, service in document["services"].items()}


def test_everything_is_healthy_and_says_so() -> None:
    document = told()
    names = ["dynamodb", "s3", "stepfunctions", "eventbridge", "compute", "webhooks", "disk"]
    assert document["overall"] == "healthy"
    assert statuses(document) == dict.fromkeys(names, "healthy")
    assert all(service["latency_ms"] >= 0 for service in document["services"].values())
    assert document["services"]["compute"]["workers"] == 1
    disk = document["services"]["disk"]
    assert (disk["total_gb"], disk["used_gb"], disk["free_gb"], disk["free_percent"]) == (100, 40, 60, 60)


@pytest.mark.parametrize("how", ["refuses", "hangs"])
@pytest.mark.parametrize(
    ("variable", "name"),
    [("S3", "s3"), ("SFN", "stepfunctions"), ("EVENTBRIDGE", "eventbridge"), ("SQS", "webhooks")],
)
def test_one_part_that_is_stopped_is_named_and_the_others_are_told(
    stop: Stop, variable: str, name: str, how: str
) -> None:
    stop(variable, how)
    document = told()
    assert document["overall"] == "degraded"
    assert {each for each, status in statuses(document).items() if status != "healthy"} == {name}
    assert document["services"][name]["status"] == "unhealthy"


@pytest.mark.parametrize("how", ["refuses", "hangs"])
def test_without_dynamodb_nobody_knows_of_the_workers(stop: Stop, how: str) -> None:
    stop("DYNAMODB", how)
    document = told()
    assert document["overall"] == "degraded"
    found = statuses(document)
    assert (found.pop("dynamodb"), found.pop("compute")) == ("unhealthy", "degraded")
    assert found.pop("disk") in ("healthy", "warning")  # this machine's own
    assert set(found.values()) == {"healthy"}


def test_what_hangs_longer_than_its_client_would_wait_is_left_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    over = threading.Event()

    def all_but_one(checks: Collection[Future[Any]], timeout: float) -> None:
        """As if the time were over when the others have answered."""
        assert timeout == check_service.LIMIT_SECONDS
        until(lambda: sum(check.done() for check in checks) == len(checks) - 1)

    monkeypatch.setitem(check_service.CHECKS, "s3", lambda: over.wait() and None)
    monkeypatch.setattr(check_service, "wait", all_but_one)
    try:
        found = statuses(told())
    finally:
        over.set()
    assert (found["s3"], found["dynamodb"]) == ("unhealthy", "healthy")


def test_a_part_that_is_gone_is_unhealthy_too(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("MEDIA_BUCKET", "EVENT_BUS"):
        monkeypatch.setenv(name, "gone")
    monkeypatch.setenv("STATE_MACHINE", "arn:aws:states:us-east-1:000000000000:stateMachine:gone")
    monkeypatch.setenv("WEBHOOK_ATTEMPTS_QUEUE", f"{os.environ['WEBHOOK_ATTEMPTS_QUEUE']}-gone")
    found = statuses(told())
    assert [found[name] for name in ("s3", "eventbridge", "stepfunctions", "webhooks")] == ["unhealthy"] * 4
    assert found["dynamodb"] == "healthy"


def test_nothing_of_the_inside_is_told(stop: Stop, settings: dict[str, str]) -> None:
    stop("S3", "refuses")
    text = ask().body.decode()
    for secret in ("000000000000", "arn:", "127.0.0.1", "Error", "JobsTable", "media", settings["AWS_ENDPOINT_URL"]):
        assert secret not in text


def test_the_reason_is_in_the_log(stop: Stop, monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(API.logger.registered_handler, "stream", log)
    stop("S3", "refuses")
    told()
    (line,) = [line for line in map(json.loads, log.getvalue().splitlines()) if line["message"] == "not healthy"]
    assert (line["part"], line["state"]) == ("s3", "unhealthy")
    assert "EndpointConnectionError" in line["reason"]


def test_who_asks_again_at_once_gets_the_same_answer(stop: Stop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(route, "CACHE_SECONDS", HANG_SECONDS)
    first = told()
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", "http://127.0.0.1:1")
    check_service._clients.cache_clear()
    assert told() == first
    monkeypatch.setattr(route, "CACHE_SECONDS", -1.0)
    route._cache.clear()
    assert [told()["overall"] for _ in range(2)] == ["degraded"] * 2


def test_no_worker_is_no_compute(table: Any) -> None:
    worker_store.leave(table, "one")
    document = told()
    assert (document["overall"], statuses(document)["compute"]) == ("degraded", "unhealthy")
    assert document["services"]["compute"]["workers"] == 0


def test_silent_workers_do_not_count_and_are_cleared_away(table: Any, clock: Clock) -> None:
    now = clock.seconds
    worker_store.note(table, "long gone", Heartbeat(now - 400, 10.0, DISK))
    worker_store.note(table, "silent", Heartbeat(now - 40, 10.0, DISK))
    worker_store.note(table, "late", Heartbeat(now - 15, 10.0, DISK))  # or its clock is
    worker_store.note(table, "early", Heartbeat(now + 15, 10.0, DISK))
    assert told()["services"]["compute"]["workers"] == 3  # with the one that was there
    item = table.get_item(TableName="CountersTable", Key={"name": {"S": "workers"}})["Item"]
    assert set(item) == {"name", "one", "silent", "late", "early"}


def test_the_fullest_of_the_workers_disks_counts(table: Any, clock: Clock) -> None:
    disk = Disk(total=100 << 30, used=95 << 30, free=5 << 30)
    worker_store.note(table, "full", Heartbeat(clock.seconds, 10.0, disk))
    document = told()
    assert document["overall"] == "warning"
    assert document["services"]["disk"]["status"] == "warning"
    assert document["services"]["disk"]["free_percent"] == 5.0


def test_an_event_that_nobody_could_handle_is_a_warning(session: Any, settings: dict[str, str]) -> None:
    queue = session.client("sqs")
    queue.send_message(QueueUrl=settings["FAILED_EVENTS_QUEUE"], MessageBody="{}")
    try:
        document = told()
    finally:
        queue.purge_queue(QueueUrl=settings["FAILED_EVENTS_QUEUE"])
    assert (document["overall"], statuses(document)["webhooks"]) == ("warning", "warning")


@pytest.mark.parametrize(("state", "expected"), [("ENABLED", "healthy"), ("DISABLED", "unhealthy")])
def test_with_batch_its_queues_count_and_no_worker(
    session: Any, table: Any, monkeypatch: pytest.MonkeyPatch, state: str, expected: str
) -> None:
    batch = session.client("batch")
    order: list[Any] = []
    for name in ("cpu", "gpu"):
        batch.create_job_queue(jobQueueName=f"{name}-{state}", state=state, priority=1, computeEnvironmentOrder=order)
        monkeypatch.setenv(f"{name.upper()}_JOB_QUEUE", f"{name}-{state}")
    monkeypatch.setenv("TASK_RESOURCE", BATCH)
    worker_store.leave(table, "one")
    forget()
    services = told()["services"]
    assert services["compute"]["status"] == expected
    assert "workers" not in services["compute"]
    monkeypatch.setenv("GPU_JOB_QUEUE", "none")
    route._cache.clear()
    assert told()["services"]["compute"]["status"] == "unhealthy"
