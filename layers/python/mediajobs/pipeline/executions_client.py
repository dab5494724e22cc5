"""Executions of the state machine: one per attempt of a job, named after it."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from mediajobs.aws import clients
from mediajobs.settings import setting

# The second is what an emulator says of an execution that is over; AWS answers as if it had been stopped.
_NOTHING_TO_STOP = frozenset({"ExecutionDoesNotExist", "ValidationException"})
_ALIVE = frozenset({"RUNNING", "PENDING_REDRIVE", "SUCCEEDED"})


class Ending(NamedTuple):
    """As the state machine says it: see `outcomes.why`."""

    error: str
    cause: str


def start(job_id: str, attempt: int, *, account: str, priority: int) -> None:
    """Starts the attempt's execution. A second start does nothing: the name is taken, and names are kept 90 days."""
    client = _client()
    values = {
        "job_id": job_id,
        "attempt": attempt,
        # Batch takes letters and digits only.
        "share": hashlib.sha256(account.encode()).hexdigest()[:32],
        "scheduling_priority": priority,
        "heartbeat_seconds": int(setting("TASK_HEARTBEAT_SECONDS")),
    }
    try:
        client.start_execution(
            stateMachineArn=setting("STATE_MACHINE"), name=_name(job_id, attempt), input=json.dumps(values)
        )
    except client.exceptions.ExecutionAlreadyExists:
        return


def stop(job_id: str, attempt: int) -> None:
    """Aborts the attempt's execution, and with it the Batch job that it waits for: Step Functions terminates that.

    An execution that is over, or that never began, is none to stop.
    """
    try:
        _client().stop_execution(executionArn=_arn(job_id, attempt), error="Cancelled", cause="The job was cancelled.")
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOTHING_TO_STOP:
            raise


def failure_of(job_id: str, attempt: int) -> Ending | None:
    """Where the execution is over without success; None while it is well."""
    told = _client().describe_execution(executionArn=_arn(job_id, attempt))
    return None if told["status"] in _ALIVE else ending(told)


def ending(told: Mapping[str, Any]) -> Ending:
    """As the description of an execution tells it, or the event of its end. What was stopped from outside is told by
    its status, `TIMED_OUT` or `ABORTED`; so is one that failed, where nothing else is known of it."""
    status = told["status"]
    return Ending(told.get("error") or status, told.get("cause") or "") if status == "FAILED" else Ending(status, "")


def attempt_of(name: str) -> tuple[str, int]:
    """The job and the attempt that an execution's name speaks of."""
    job_id, _, attempt = name.rpartition("-")
    return job_id, int(attempt)


def _arn(job_id: str, attempt: int) -> str:
    return f"{setting('STATE_MACHINE').replace(':stateMachine:', ':execution:')}:{_name(job_id, attempt)}"


def _name(job_id: str, attempt: int) -> str:
    return f"{job_id}-{attempt}"


@cache
def _client() -> Any:
    return clients.client("stepfunctions")
