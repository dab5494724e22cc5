"""Takes tasks from a Step Functions activity and runs each as the command that the container would run."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from statemachine.worker import client
from statemachine.worker.child import sweep
from statemachine.worker.claims import Claim, Claims
from statemachine.worker.log import log
from statemachine.worker.runner import LOOK_SECONDS, Runner
from statemachine.worker.signs import Signs
from statemachine.worker.slots import Slots

POLLS_IN_VAIN = 60  # about half an hour of errors: then whoever watches over the worker decides
STOP_SECONDS = 5.0


class Worker:
    def __init__(self, activity: str, claims: Path, *, concurrency: int, module: str) -> None:
        self._activity = activity
        self._claims = Claims(claims)
        self._slots = Slots(concurrency)
        self._stopping = threading.Event()
        self._signs = Signs(self._stopping)
        self._runner = Runner(self._claims, self._slots, module, self._stopping)
        self._polls = client.for_polls()
        self._polls_in_vain = 0
        self._tasks: list[threading.Thread] = []
        self._failed: Exception | None = None

    def run(self) -> None:
        """Until `stop` is called. Raises InUse, and what made polling impossible."""
        with self._claims.owned():
            for claim in self._claims.all():
                log("resumed", task=claim.id, left_processes=len(sweep(claim.id)))
                self._begin(claim)
            self._signs.begin()
            threading.Thread(target=self._poll_until_stopped, daemon=True).start()
            self._stopping.wait()
            deadline = time.monotonic() + STOP_SECONDS
            for task in self._tasks:
                task.join(timeout=max(0.0, deadline - time.monotonic()))
            self._signs.end(max(0.0, deadline - time.monotonic()))
            log("stopped", claims_kept=len(self._claims.all()))
        if self._failed:
            raise self._failed

    def stop(self) -> None:
        self._stopping.set()

    def _poll_until_stopped(self) -> None:
        """In a thread of its own: a long poll cannot be interrupted, but it can be left behind."""
        log("polling", activity=self._activity)
        try:
            while not self._stopping.is_set():
                self._poll_when_free()
        except Exception as error:  # noqa: BLE001 - raised again by run: a worker that no longer polls must not live on
            self._failed = error
            self.stop()

    def _poll_when_free(self) -> None:
        if self._in_hand() >= self._slots.most_in_hand:
            self._stopping.wait(LOOK_SECONDS)
            return
        try:
            answer = self._polls.get_activity_task(activityArn=self._activity, workerName=os.uname().nodename[:80])
            self._polls_in_vain = 0
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
            self._begin(claim)

    def _poll_failed(self, error: Exception) -> None:
        self._polls_in_vain += 1
        log("poll_failed", error=str(error), times=self._polls_in_vain)
        if self._polls_in_vain >= POLLS_IN_VAIN or client.code(error) == "ActivityDoesNotExist":
            raise error
        self._stopping.wait(client.pause(self._polls_in_vain))

    def _begin(self, claim: Claim) -> None:
        task = threading.Thread(target=self._runner.run, args=[claim], daemon=True)
        task.start()
        self._tasks.append(task)

    def _in_hand(self) -> int:
        self._tasks = [task for task in self._tasks if task.is_alive()]
        return len(self._tasks)


def _parsed(text: str) -> Any:
    """What is no JSON stays text, and is refused where orders are read."""
    try:
        return json.loads(text)
    except ValueError:
        return text
