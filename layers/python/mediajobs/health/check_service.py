"""What is behind the service, looked at from here: every part at once, each for a second at most."""

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
_BATCH = ":batch:submitJob.sync"  # how a TASK_RESOURCE ends where Batch, and no worker, runs the tasks


def run_checks() -> dict[str, CheckResult]:
    """What was found, by part."""
    _made()  # here: boto3 makes clients in one thread at a time
    pool = ThreadPoolExecutor(len(CHECKS))
    try:
        asked = {name: pool.submit(_timed, check) for name, check in CHECKS.items()}
        wait(asked.values(), timeout=LIMIT_SECONDS)
        return {name: _result(future) for name, future in asked.items()}
    finally:
        pool.shutdown(wait=False, cancel_futures=True)


def _timed(check: Callable[[], CheckResult]) -> CheckResult:
    began = clock.monotonic()
    try:
        found = check()
    except Exception as error:  # noqa: BLE001 - whatever keeps a part from being seen, the others are still told
        found = CheckResult(State.UNHEALTHY, reason=repr(error))
    return CheckResult(found.state, {"latency_ms": _latency_ms(began), **found.facts}, found.reason)


def _result(future: "Future[CheckResult]") -> CheckResult:
    if future.done():
        return future.result()
    return CheckResult(State.UNHEALTHY, reason=f"no answer in {LIMIT_SECONDS:g} s")


def _dynamodb() -> CheckResult:
    nothing = {"job_id": {"S": "health"}, "item": {"S": "health"}}
    _made()["dynamodb"].get_item(TableName=setting("JOBS_TABLE"), Key=nothing)
    return CheckResult(State.HEALTHY)


def _s3() -> CheckResult:
    # HeadBucket would need the right to list all keys.
    _made()["s3"].get_bucket_location(Bucket=setting("MEDIA_BUCKET"))
    return CheckResult(State.HEALTHY)


def _stepfunctions() -> CheckResult:
    state = _made()["stepfunctions"].describe_state_machine(stateMachineArn=setting("STATE_MACHINE"))["status"]
    return (
        CheckResult(State.HEALTHY)
        if state == "ACTIVE"
        else CheckResult(State.UNHEALTHY, reason=f"the state machine is {state}")
    )


def _eventbridge() -> CheckResult:
    _made()["events"].describe_event_bus(Name=setting("BUS"))
    return CheckResult(State.HEALTHY)


def _webhooks() -> CheckResult:
    """The queues that deliveries pass. Nothing should lie where these, and all other events, end after all retries."""
    for variable in ("WEBHOOKS_QUEUE", "ATTEMPTS_QUEUE"):
        _messages(setting(variable))
    if failed := _messages(setting("FAILED_EVENTS")):
        return CheckResult(State.WARNING, reason=f"{failed} events failed after all retries")
    return CheckResult(State.HEALTHY)


def _messages(queue: str) -> int:
    """About how many wait."""
    wanted = "ApproximateNumberOfMessages"
    answer = _made()["sqs"].get_queue_attributes(QueueUrl=queue, AttributeNames=[wanted])
    return int(answer["Attributes"][wanted])


def _compute() -> CheckResult:
    if setting("TASK_RESOURCE").endswith(_BATCH):
        return _batch()
    try:
        alive = len(_workers())
    except Exception as error:  # noqa: BLE001 - the table is another part: whether a worker lives is not known
        return CheckResult(State.DEGRADED, reason=f"the workers' signs of life cannot be read: {error!r}")
    return CheckResult(
        State.HEALTHY if alive else State.UNHEALTHY, {"workers": alive}, None if alive else "no worker lives"
    )


def _batch() -> CheckResult:
    wanted = {setting("CPU_JOB_QUEUE"), setting("GPU_JOB_QUEUE")}
    queues = _made()["batch"].describe_job_queues(jobQueues=sorted(wanted))["jobQueues"]
    ready = [queue for queue in queues if (queue["state"], queue["status"]) == ("ENABLED", "VALID")]
    if len(ready) == len(wanted):
        return CheckResult(State.HEALTHY)
    return CheckResult(State.UNHEALTHY, reason=f"{len(ready)} of {len(wanted)} job queues are ENABLED and VALID")


def _disk() -> CheckResult:
    """The fullest of the workers'; where there are none, this function's own."""
    return (fullest(_workers_if_any()) or Disk(*shutil.disk_usage(tempfile.gettempdir()))).check_result()


def _workers_if_any() -> list[Heartbeat]:
    if setting("TASK_RESOURCE").endswith(_BATCH):
        return []
    try:
        return _workers()
    except Exception:  # noqa: BLE001 - `compute` tells of it
        return []


def _workers() -> list[Heartbeat]:
    return worker_store.alive(_made()["dynamodb"], clock.seconds())


# What a client sees -> what tells how it is.
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
def _made() -> dict[str, Any]:
    """The clients: impatient, and asking once."""
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
