"""Executions of the state machine in Step Functions: one for each attempt of a job, named after both."""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from typing import Any, NamedTuple

from botocore.exceptions import ClientError

from mediajobs.aws import clients
from mediajobs.settings import setting

# Error codes. The second is an emulator's for an execution that is over; AWS answers as if it had been stopped.
_NOTHING_TO_STOP = frozenset({"ExecutionDoesNotExist", "ValidationException"})
_NOT_FAILED = frozenset({"RUNNING", "PENDING_REDRIVE", "SUCCEEDED"})


class Ending(NamedTuple):
    """How an execution ended: error and cause as the state machine has them, see `task_results.failure_for`."""

    error: str
    cause: str


def start(job_id: str, attempt: int, *, account: str, priority: int) -> None:
    """Starts the attempt's execution. A second start does nothing: the name is taken, and is kept for 90 days."""
    client = _client()
    task_input = {
        "job_id": job_id,
        "attempt": attempt,
        # AWS Batch accepts only letters and digits in a share identifier.
        "share": hashlib.sha256(account.encode()).hexdigest()[:32],
        "scheduling_priority": priority,
        "heartbeat_seconds": int(setting("TASK_HEARTBEAT_SECONDS")),
    }
    try:
        client.start_execution(
            stateMachineArn=setting("STATE_MACHINE"), name=_name(job_id, attempt), input=json.dumps(task_input)
        )
    except client.exceptions.ExecutionAlreadyExists:
        return


def stop(job_id: str, attempt: int) -> None:
    """Aborts the attempt's execution. Step Functions then terminates the Batch job that it waits for.

    Does nothing where the execution is over, or never began.
    """
    try:
        _client().stop_execution(executionArn=_arn(job_id, attempt), error="Cancelled", cause="The job was cancelled.")
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOTHING_TO_STOP:
            raise


def failure_of(job_id: str, attempt: int) -> Ending | None:
    """How the attempt's execution failed; None while it runs, or where it succeeded."""
    execution = _client().describe_execution(executionArn=_arn(job_id, attempt))
    return None if execution["status"] in _NOT_FAILED else ending_of(execution)


def ending_of(execution: Mapping[str, Any]) -> Ending:
    """The ending, from the description of an execution or from the event of its end.

    Where the execution was stopped from outside, the error is its status, `TIMED_OUT` or `ABORTED`. Where it failed and
    no error is known, it is `FAILED`.
    """
    status = execution["status"]
    if status != "FAILED":
        return Ending(status, "")
    return Ending(execution.get("error") or status, execution.get("cause") or "")


def attempt_of(name: str) -> tuple[str, int]:
    """(job id, attempt), from an execution's name."""
    job_id, _, attempt = name.rpartition("-")
    return job_id, int(attempt)


def _arn(job_id: str, attempt: int) -> str:
    return f"{setting('STATE_MACHINE').replace(':stateMachine:', ':execution:')}:{_name(job_id, attempt)}"


def _name(job_id: str, attempt: int) -> str:
    return f"{job_id}-{attempt}"


@cache
def _client() -> Any:
    return clients.client("stepfunctions")
