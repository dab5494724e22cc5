"""Runs one task, from its claim to the accepted result."""

import json
import threading
import time
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from statemachine.worker import aws_clients, task_input
from statemachine.worker.claims import Claim, Claims
from statemachine.worker.log import log
from statemachine.worker.slots import Slots
from statemachine.worker.task_input import TaskError, TaskInput
from statemachine.worker.task_process import TaskProcess

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

HEARTBEAT_SECONDS = 10.0
POLL_SECONDS = 0.2
MAX_TASK_SECONDS = 82_800.0  # as in the state machine, because not every endpoint enforces that time-out
MAX_REPORT_ATTEMPTS = 30  # about ten minutes


class TaskGone(Exception):
    """The state machine no longer waits for this task."""


class WorkerStopping(Exception):
    """The worker is stopping. The claim is kept for the next one."""


class TaskRunner:
    def __init__(self, claims: Claims, slots: Slots, module: str, stopping: threading.Event) -> None:
        self._claims = claims
        self._slots = slots
        self._module = module
        self._stopping = stopping
        self._calls = aws_clients.call_client()

    def run(self, claim: Claim) -> None:
        """Returns when the result is accepted or no longer wanted. The claim is kept where neither is known."""
        started = time.monotonic()
        try:
            failure = self._failure(claim)
            self._report(claim, failure)
        except WorkerStopping:
            return
        except TaskGone:
            log("lost", task=claim.id)
        else:
            seconds = round(time.monotonic() - started, 3)
            log("reported", task=claim.id, seconds=seconds, error=failure.error if failure else None)
        self._claims.remove(claim)

    def refuse(self, claim: Claim, reason: str) -> None:
        """Reports a temporary failure for a task whose claim could not be saved, so that another worker may take it."""
        try:
            self._report(claim, TaskError(task_input.TRANSIENT, reason))
        except (TaskGone, WorkerStopping):
            log("refusal_lost", task=claim.id)

    def _failure(self, claim: Claim) -> TaskError | None:
        """Runs the task. Returns None where it succeeded."""
        try:
            task = task_input.parse(claim.input)
            self._execute(task, _TaskHeartbeat(self._calls, claim), claim.id)
        except TaskError as failure:
            return failure
        except (TaskGone, WorkerStopping):
            raise
        except Exception as error:  # noqa: BLE001 - the execution must hear of every failure
            return TaskError(task_input.CRASHED, f"the worker could not run the task: {error!r}")
        return None

    def _execute(self, task: TaskInput, heartbeat: "_TaskHeartbeat", claim_id: str) -> None:
        slot = self._slots.for_kind(task.kind)
        while not slot.acquire(timeout=POLL_SECONDS):
            self._check(heartbeat)
        try:
            log("started", task=claim_id, command=" ".join(task.container_overrides.command))
            process = TaskProcess(claim_id, self._module, task.container_overrides.command, task.environment)
            try:
                exit_code = self._watch(process, heartbeat)
            finally:
                process.kill()
            task_input.raise_for_exit_code(exit_code, process.last_output())
        finally:
            slot.release()

    def _watch(self, process: TaskProcess, heartbeat: "_TaskHeartbeat") -> int:
        deadline = time.monotonic() + MAX_TASK_SECONDS
        while (exit_code := process.wait(POLL_SECONDS)) is None:
            self._check(heartbeat)
            if time.monotonic() > deadline:
                raise TaskError(task_input.TIMED_OUT, f"the task ran for more than {MAX_TASK_SECONDS:.0f} s")
        return exit_code

    def _check(self, heartbeat: "_TaskHeartbeat") -> None:
        if self._stopping.is_set():
            raise WorkerStopping
        heartbeat.send_when_due()

    def _report(self, claim: Claim, failure: TaskError | None) -> None:
        for attempt in range(MAX_REPORT_ATTEMPTS):
            if self._stopping.is_set():
                raise WorkerStopping
            try:
                self._send(claim.token, failure)
            except (BotoCoreError, ClientError) as error:
                if aws_clients.is_task_gone(error):
                    raise TaskGone from None
                log("report_failed", task=claim.id, error=aws_clients.error_code(error), times=attempt)
                self._stopping.wait(aws_clients.backoff_seconds(attempt))
            else:
                return
        log("report_given_up", task=claim.id)
        raise WorkerStopping

    def _send(self, token: str, failure: TaskError | None) -> None:
        if failure is None:
            self._calls.send_task_success(taskToken=token, output=json.dumps({"ExitCode": 0}))
        else:
            self._calls.send_task_failure(taskToken=token, error=failure.error, cause=failure.cause)


class _TaskHeartbeat:
    def __init__(self, calls: "SFNClient", claim: Claim) -> None:
        self._calls = calls
        self._claim = claim
        self._due = time.monotonic()  # at once: a resumed task may run elsewhere by now

    def send_when_due(self) -> None:
        """Raises TaskGone. An unreachable endpoint ends no task: the task may finish before it is back."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + HEARTBEAT_SECONDS
        try:
            self._calls.send_task_heartbeat(taskToken=self._claim.token)
        except (BotoCoreError, ClientError) as error:
            if aws_clients.is_task_gone(error):
                raise TaskGone from None
            log("heartbeat_failed", task=self._claim.id, error=aws_clients.error_code(error))
