"""One task from its claim to the accepted result."""

import json
import threading
import time
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from statemachine.worker import client, orders
from statemachine.worker.child import Child
from statemachine.worker.claims import Claim, Claims
from statemachine.worker.log import log
from statemachine.worker.orders import Order, TaskError
from statemachine.worker.slots import Slots

if TYPE_CHECKING:
    from mypy_boto3_stepfunctions import SFNClient

HEARTBEAT_SECONDS = 10.0
LOOK_SECONDS = 0.2
LONGEST_TASK_SECONDS = 82_800.0  # as in the state machine; not every endpoint has it end a task
REPORTS = 30  # tries, about ten minutes


class Lost(Exception):
    """The state machine no longer waits for this task."""


class Stopping(Exception):
    """The worker is being stopped: the claim stays for the next one."""


class Runner:
    def __init__(self, claims: Claims, slots: Slots, module: str, stopping: threading.Event) -> None:
        self._claims = claims
        self._slots = slots
        self._module = module
        self._stopping = stopping
        self._calls = client.for_calls()

    def run(self, claim: Claim) -> None:
        """Ends when the result is accepted or unwanted; the claim is kept where neither could be learnt."""
        started = time.monotonic()
        try:
            failure = self._failure(claim)
            self._report(claim, failure)
        except Stopping:
            return
        except Lost:
            log("lost", task=claim.id)
        else:
            seconds = round(time.monotonic() - started, 3)
            log("reported", task=claim.id, seconds=seconds, error=failure.error if failure else None)
        self._claims.forget(claim)

    def refuse(self, claim: Claim, reason: str) -> None:
        """For a task that was taken but cannot be kept: somebody else may try."""
        try:
            self._report(claim, TaskError(orders.TRANSIENT, reason))
        except (Lost, Stopping):
            log("refusal_lost", task=claim.id)

    def _failure(self, claim: Claim) -> TaskError | None:
        """None: the task succeeded."""
        try:
            order = orders.read(claim.input)
            self._execute(order, _Heart(self._calls, claim), claim.id)
        except TaskError as failure:
            return failure
        except (Lost, Stopping):
            raise
        except Exception as error:  # noqa: BLE001 - whatever went wrong here, the execution must hear of it
            return TaskError(orders.CRASHED, f"the worker could not run the task: {error!r}")
        return None

    def _execute(self, order: Order, heart: "_Heart", claim_id: str) -> None:
        slot = self._slots.of(order.kind)
        while not slot.acquire(timeout=LOOK_SECONDS):
            self._look(heart)
        try:
            log("started", task=claim_id, command=" ".join(order.overrides.command))
            child = Child(claim_id, self._module, order.overrides.command, order.environment)
            try:
                exit_code = self._watch(child, heart)
            finally:
                child.kill()
            orders.check(exit_code, child.last_words())
        finally:
            slot.release()

    def _watch(self, child: Child, heart: "_Heart") -> int:
        deadline = time.monotonic() + LONGEST_TASK_SECONDS
        while (exit_code := child.wait(LOOK_SECONDS)) is None:
            self._look(heart)
            if time.monotonic() > deadline:
                raise TaskError(orders.TIMED_OUT, f"the task ran for more than {LONGEST_TASK_SECONDS:.0f} s")
        return exit_code

    def _look(self, heart: "_Heart") -> None:
        if self._stopping.is_set():
            raise Stopping
        heart.beat_when_due()

    def _report(self, claim: Claim, failure: TaskError | None) -> None:
        for times in range(REPORTS):
            if self._stopping.is_set():
                raise Stopping
            try:
                self._send(claim.token, failure)
            except (BotoCoreError, ClientError) as error:
                if client.is_lost(error):
                    raise Lost from None
                log("report_failed", task=claim.id, error=client.code(error), times=times)
                self._stopping.wait(client.pause(times))
            else:
                return
        log("report_given_up", task=claim.id)
        raise Stopping

    def _send(self, token: str, failure: TaskError | None) -> None:
        if failure is None:
            self._calls.send_task_success(taskToken=token, output=json.dumps({"ExitCode": 0}))
        else:
            self._calls.send_task_failure(taskToken=token, error=failure.error, cause=failure.cause)


class _Heart:
    def __init__(self, calls: "SFNClient", claim: Claim) -> None:
        self._calls = calls
        self._claim = claim
        self._due = time.monotonic()  # at once: a resumed task may have been given to somebody else

    def beat_when_due(self) -> None:
        """Raises Lost. That nobody can be reached ends no task: the work may be done before they are back."""
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + HEARTBEAT_SECONDS
        try:
            self._calls.send_task_heartbeat(taskToken=self._claim.token)
        except (BotoCoreError, ClientError) as error:
            if client.is_lost(error):
                raise Lost from None
            log("heartbeat_failed", task=self._claim.id, error=client.code(error))
