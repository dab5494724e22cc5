"""Reports the progress of a task."""

import math
import threading
import time
from collections.abc import Callable
from typing import Protocol

from mediajobs.aws import backoff
from mediajobs.errors import Contention, Stopped
from mediajobs.jobs import progress_store
from mediajobs.jobs.progress import TaskProgress

_WRITE_INTERVAL_SECONDS = 2.0
# Together about a minute, within which another writer of the same items has finished.
_ATTEMPTS, _FIRST_PAUSE, _MAX_PAUSE = 12, 0.25, 10.0  # pauses in seconds


class Reporter(Protocol):
    """Progress in percent, by task. Every method raises Stopped once the attempt is over."""

    def update(self, **percent: float) -> None: ...
    def finish(self, *tasks: str) -> None: ...
    def skip(self, **reasons: str) -> None: ...


class StoreReporter:
    """Writes to the job's progress item. A task is written at most every 2 s, except when it starts or ends."""

    def __init__(self, job_id: str, attempt: int, attempt_over: threading.Event | None = None) -> None:
        self._job_id = job_id
        self._attempt = attempt
        self._attempt_over = attempt_over or threading.Event()
        self._percent: dict[str, float] = {}
        self._written_at: dict[str, float] = {}

    def update(self, **percent: float) -> None:
        now = time.monotonic()
        for task, value in percent.items():
            # Only finish() reports 100.
            self._percent[task] = max(self._percent.get(task, 0.0), min(round(value, 1), 99.9))
        due = [task for task in percent if now - self._written_at.get(task, -math.inf) >= _WRITE_INTERVAL_SECONDS]
        self._write({task: TaskProgress(status="running", progress=self._percent[task]) for task in due})
        self._written_at |= dict.fromkeys(due, now)

    def finish(self, *tasks: str) -> None:
        self._write({task: TaskProgress(status="completed", progress=100.0) for task in tasks})

    def skip(self, **reasons: str) -> None:
        self._write({task: TaskProgress(status="skipped", note=reason) for task, reason in reasons.items()})

    def _write(self, tasks: dict[str, TaskProgress]) -> None:
        if self._attempt_over.is_set():
            raise Stopped(f"attempt {self._attempt} of job {self._job_id} is over")
        if tasks:
            retry_contention(lambda: progress_store.report(self._job_id, self._attempt, tasks))


def retry_contention(write: Callable[[], object]) -> None:
    """Retries a write of the job while others keep changing the same items. Raises Contention after a minute."""
    for attempt in backoff.attempts(_ATTEMPTS, first_pause=_FIRST_PAUSE, max_pause=_MAX_PAUSE):
        try:
            write()
        except Contention:
            if attempt == _ATTEMPTS - 1:
                raise
        else:
            return
