"""Notices that nobody wants the task any more, also while it is silent: a batch of speech takes minutes."""

import contextlib
import os
import threading
from collections.abc import Iterator

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from pynamodb.exceptions import PynamoDBException

from mediajobs.errors import Contention
from mediajobs.jobs import progress_store

DEPENDENCY = (BotoCoreError, ClientError, PynamoDBException, Contention)
STOPPED = 77
LOOK_SECONDS = 1.5
GRACE_SECONDS = 2.0

logger = Logger(service="mediajobs-tasks", child=True)


@contextlib.contextmanager
def watched(job_id: str, attempt: int) -> Iterator[threading.Event]:
    """Gives an event that is set once the attempt is over. A task that then does not end by itself, and take back
    what it has half made, is ended with its process, exit code 77; its children die with it."""
    watch = _Watch(job_id, attempt)
    watch.start()
    try:
        yield watch.over
    finally:
        watch.left.set()


class _Watch(threading.Thread):
    def __init__(self, job_id: str, attempt: int) -> None:
        super().__init__(name="watch", daemon=True)
        self.over = threading.Event()
        self.left = threading.Event()  # the task has ended
        self._job_id, self._attempt = job_id, attempt

    def run(self) -> None:
        while not self.left.wait(LOOK_SECONDS):
            if self._is_over():
                self.over.set()
                if not self.left.wait(GRACE_SECONDS):
                    logger.warning("ended by force", job_id=self._job_id, attempt=self._attempt)
                    os._exit(STOPPED)
                return

    def _is_over(self) -> bool:
        """A database that does not answer ends no task: the work may be done before it is back."""
        try:
            return progress_store.is_over(self._job_id, self._attempt)
        except DEPENDENCY as error:
            logger.warning("cannot see whether the attempt is over", reason=type(error).__name__)
            return False
