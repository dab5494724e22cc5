"""Takes tasks from a Step Functions activity and runs each with the command of the container."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from statemachine.worker import aws_clients
from statemachine.worker.claims import Claim, Claims
from statemachine.worker.heartbeat import HeartbeatThread
from statemachine.worker.log import log
from statemachine.worker.slots import Slots
from statemachine.worker.task_process import kill_leftovers
from statemachine.worker.task_runner import POLL_SECONDS, TaskRunner

MAX_FAILED_POLLS = 60  # about half an hour of errors; then the worker exits
STOP_SECONDS = 5.0


class Worker:
    def __init__(self, activity: str, claims: Path, *, concurrency: int, module: str) -> None:
        self._activity = activity
        self._claims = Claims(claims)
        self._slots = Slots(concurrency)
        self._stopping = threading.Event()
        self._heartbeat = HeartbeatThread(self._stopping)
        self._runner = TaskRunner(self._claims, self._slots, module, self._stopping)
        self._polls = aws_clients.polling_client()
        self._failed_polls = 0
        self._tasks: list[threading.Thread] = []
        self._failed: Exception | None = None

    def run(self) -> None:
        """Runs until `stop` is called. Raises ClaimsInUse, and the error that made polling impossible."""
        with self._claims.locked():
            for claim in self._claims.all():
                log("resumed", task=claim.id, left_processes=len(kill_leftovers(claim.id)))
                self._start_task(claim)
            self._heartbeat.start()
            threading.Thread(target=self._poll_until_stopped, daemon=True).start()
            self._stopping.wait()
            deadline = time.monotonic() + STOP_SECONDS
            for task in self._tasks:
                task.join(timeout=max(0.0, deadline - time.monotonic()))
            self._heartbeat.join(max(0.0, deadline - time.monotonic()))
            log("stopped", claims_kept=len(self._claims.all()))
        if self._failed:
            raise self._failed

    def stop(self) -> None:
        self._stopping.set()

    def _poll_until_stopped(self) -> None:
        """Runs in a thread of its own: a long poll cannot be interrupted, but a daemon thread need not end."""
        log("polling", activity=self._activity)
        try:
            while not self._stopping.is_set():
                self._poll_when_free()
        except Exception as error:  # noqa: BLE001 - raised again by run: a worker that no longer polls must exit
            self._failed = error
            self.stop()

    def _poll_when_free(self) -> None:
        if self._running_tasks() >= self._slots.max_tasks:
            self._stopping.wait(POLL_SECONDS)
            return
        try:
            answer = self._polls.get_activity_task(activityArn=self._activity, workerName=os.uname().nodename[:80])
            self._failed_polls = 0
        except (BotoCoreError, ClientError) as error:
            self._poll_failed(error)
            return
        if answer.get("taskToken"):
            self._take(Claim(answer["taskToken"], _parsed(answer["input"])))

    def _take(self, claim: Claim) -> None:
        try:
            self._claims.save(claim)
        except OSError as error:
            log("claim_failed", task=claim.id, error=str(error))
            self._runner.refuse(claim, f"the worker's disk refused the claim: {error}")
            return
        log("taken", task=claim.id)
        if not self._stopping.is_set():
            self._start_task(claim)

    def _poll_failed(self, error: Exception) -> None:
        self._failed_polls += 1
        log("poll_failed", error=str(error), times=self._failed_polls)
        if self._failed_polls >= MAX_FAILED_POLLS or aws_clients.error_code(error) == "ActivityDoesNotExist":
            raise error
        self._stopping.wait(aws_clients.backoff_seconds(self._failed_polls))

    def _start_task(self, claim: Claim) -> None:
        task = threading.Thread(target=self._runner.run, args=[claim], daemon=True)
        task.start()
        self._tasks.append(task)

    def _running_tasks(self) -> int:
        self._tasks = [task for task in self._tasks if task.is_alive()]
        return len(self._tasks)


def _parsed(text: str) -> Any:
    """The parsed JSON. Other text is returned as it is, and refused when the task's input is parsed."""
    try:
        return json.loads(text)
    except ValueError:
        return text
