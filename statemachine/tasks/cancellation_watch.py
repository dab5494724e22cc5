"""Ends a task whose attempt is over, also while the task reports nothing: a batch of speech takes minutes."""

import contextlib
import os
import threading
from collections.abc import Iterator

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from mediajobs.errors import Contention
from mediajobs.jobs import progress_store

DEPENDENCY_ERRORS = (BotoCoreError, ClientError, PynamoDBException, Contention)
EXIT_STOPPED = 77
POLL_SECONDS = 1.5
GRACE_SECONDS = 2.0

logger = Logger(service="mediajobs-tasks", child=True)


@contextlib.contextmanager
def watch_attempt(job_id: str, attempt: int) -> Iterator[threading.Event]:
    """Yields an event that is set once the attempt is over: cancelled, deleted, failed or retried.

    A task that has not ended GRACE_SECONDS later, after removing what it has half made, is ended by force: its process
    exits with code 77, and its child processes die with it.
    """
    watch = _WatchThread(job_id, attempt)
    watch.start()
    try:
        yield watch.attempt_over
    finally:
        watch.task_ended.set()


class _WatchThread(threading.Thread):
    def __init__(self, job_id: str, attempt: int) -> None:
        super().__init__(name="cancellation-watch", daemon=True)
        self.attempt_over = threading.Event()
        self.task_ended = threading.Event()
        self._job_id, self._attempt = job_id, attempt

    def run(self) -> None:
        while not self.task_ended.wait(POLL_SECONDS):
            if self._is_over():
                self.attempt_over.set()
                if not self.task_ended.wait(GRACE_SECONDS):
                    logger.warning("ended by force", job_id=self._job_id, attempt=self._attempt)
                    os._exit(EXIT_STOPPED)
                return

    def _is_over(self) -> bool:
        """False while the database does not answer: the task may finish before it is back."""
        try:
            return progress_store.is_over(self._job_id, self._attempt)
        except DEPENDENCY_ERRORS as error:
            logger.warning("cannot see whether the attempt is over", reason=type(error).__name__)
            return False
