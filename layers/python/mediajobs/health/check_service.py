"""Health checks of the parts that the service depends on: all at once, each with a limit of one second."""

import shutil
import tempfile
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from functools import cache
from typing import Any

from botocore.config import Config

from mediajobs import clock
from mediajobs.aws import clients
from mediajobs.health import worker_store
from mediajobs.health.report import CheckResult, Disk, Heartbeat, State, fullest
from mediajobs.settings import setting

LIMIT_SECONDS = 1.0
_BATCH = ":batch:submitJob.sync"  # the end of TASK_RESOURCE where Batch runs the tasks, not workers


def run_checks() -> dict[str, CheckResult]:
    """Returns the results by part."""
    _clients()  # before the threads start, because creating clients is not thread-safe in boto3
    pool = ThreadPoolExecutor(len(CHECKS))
    try:
        futures = {name: pool.submit(_timed, check) for name, check in CHECKS.items()}
        wait(futures.values(), timeout=LIMIT_SECONDS)
        return {name: _result(future) for name, future in futures.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _timed(check: Callable[[], CheckResult]) -> CheckResult:
    began = clock.monotonic()
    try:
        result = check()
    except Exception as error:  # noqa: BLE001 - whatever fails here, the other parts are still reported
        result = CheckResult(State.UNHEALTHY, reason=repr(error))
    return CheckResult(result.state, {"latency_ms": _latency_ms(began), **result.facts}, result.reason)


def _result(future: "Future[CheckResult]") -> CheckResult:
    if future.done():
        return future.result()
    return CheckResult(State.UNHEALTHY, reason=f"no answer in {LIMIT_SECONDS:g} s")


def _dynamodb() -> CheckResult:
    missing_key = {"job_id": {"S": "health"}, "item": {"S": "health"}}
    _clients()["dynamodb"].get_item(TableName=setting("JOBS_TABLE"), Key=missing_key)
    return CheckResult(State.HEALTHY)


def _s3() -> CheckResult:
    # HeadBucket would need the permission to list all keys.
    _clients()["s3"].get_bucket_location(Bucket=setting("MEDIA_BUCKET"))
    return CheckResult(State.HEALTHY)


def _stepfunctions() -> CheckResult:
    state = _clients()["stepfunctions"].describe_state_machine(stateMachineArn=setting("STATE_MACHINE"))["status"]
    return (
        CheckResult(State.HEALTHY)
        if state == "ACTIVE"
        else CheckResult(State.UNHEALTHY, reason=f"the state machine is {state}")
    )


def _eventbridge() -> CheckResult:
    _clients()["events"].describe_event_bus(Name=setting("EVENT_BUS"))
    return CheckResult(State.HEALTHY)


def _webhooks() -> CheckResult:
    """Checks the queues of deliveries. FAILED_EVENTS_QUEUE has the events of any kind that failed after all retries."""
    for variable in ("WEBHOOK_EVENTS_QUEUE", "WEBHOOK_ATTEMPTS_QUEUE"):
        _messages(setting(variable))
    if failed := _messages(setting("FAILED_EVENTS_QUEUE")):
        return CheckResult(State.WARNING, reason=f"{failed} events failed after all retries")
    return CheckResult(State.HEALTHY)


def _messages(queue: str) -> int:
    """Returns the approximate number of waiting messages."""
    attribute = "ApproximateNumberOfMessages"
    answer = _clients()["sqs"].get_queue_attributes(QueueUrl=queue, AttributeNames=[attribute])
    return int(answer["Attributes"][attribute])


def _compute() -> CheckResult:
    if setting("TASK_RESOURCE").endswith(_BATCH):
        return _batch()
    try:
        alive = len(_workers())
    except Exception as error:  # noqa: BLE001 - the table is another part; whether a worker is alive is unknown
        return CheckResult(State.DEGRADED, reason=f"the workers' heartbeats cannot be read: {error!r}")
    return CheckResult(
        State.HEALTHY if alive else State.UNHEALTHY, {"workers": alive}, None if alive else "no worker is alive"
    )


def _batch() -> CheckResult:
    expected = {setting("CPU_JOB_QUEUE"), setting("GPU_JOB_QUEUE")}
    queues = _clients()["batch"].describe_job_queues(jobQueues=sorted(expected))["jobQueues"]
    ready = [queue for queue in queues if (queue["state"], queue["status"]) == ("ENABLED", "VALID")]
    if len(ready) == len(expected):
        return CheckResult(State.HEALTHY)
    return CheckResult(State.UNHEALTHY, reason=f"{len(ready)} of {len(expected)} job queues are ENABLED and VALID")


def _disk() -> CheckResult:
    """Checks the fullest disk of the workers; without workers, this function's own."""
    return (fullest(_workers_if_any()) or Disk(*shutil.disk_usage(tempfile.gettempdir()))).check_result()


def _workers_if_any() -> list[Heartbeat]:
    if setting("TASK_RESOURCE").endswith(_BATCH):
        return []
    try:
        return _workers()
    except Exception:  # noqa: BLE001 - the check of `compute` reports it
        return []


def _workers() -> list[Heartbeat]:
    return worker_store.alive(_clients()["dynamodb"], clock.seconds())


# The part's name in the document -> its check.
CHECKS: dict[str, Callable[[], CheckResult]] = {
    "dynamodb": _dynamodb,
    "s3": _s3,
    "stepfunctions": _stepfunctions,
    "eventbridge": _eventbridge,
    "compute": _compute,
    "webhooks": _webhooks,
    "disk": _disk,
}


@cache
def _clients() -> dict[str, Any]:
    """Returns the clients by service, with short time-outs and without retries."""
    config = Config(
        connect_timeout=0.3,
        read_timeout=0.6,
        retries={"total_max_attempts": 1},
        s3={"addressing_style": "path"},
    )
    compute = ["batch"] if setting("TASK_RESOURCE").endswith(_BATCH) else []
    return {
        name: clients.client(name, config) for name in ("dynamodb", "s3", "stepfunctions", "events", "sqs", *compute)
    }


def _latency_ms(began: float) -> float:
    return round(1000 * (clock.monotonic() - began), 1)
