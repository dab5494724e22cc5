"""The worker's sign of life, beside its work: whoever asks for the service's health sees that somebody is there."""

import os
import shutil
import tempfile
import threading
import time
import uuid
from collections.abc import Callable

from botocore.exceptions import BotoCoreError, ClientError

from mediajobs.health import worker_store
from mediajobs.health.report import Disk, Heartbeat
from statemachine.worker import client
from statemachine.worker.log import log

EVERY_SECONDS = 10.0


class Signs:
    """Goes to COUNTERS_TABLE; a worker that is not told of it works unseen. No failure here ends any work."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._worker = f"{os.uname().nodename[:80]}/{uuid.uuid4().hex[:12]}"
        self._every = float(os.environ.get("WORKER_SIGN_SECONDS", EVERY_SECONDS))
        self._client = client.for_signs()
        self._thread = threading.Thread(target=self._give_until_stopped, daemon=True)

    def begin(self) -> None:
        if "COUNTERS_TABLE" in os.environ:
            self._thread.start()
        else:
            log("unseen", cure="set COUNTERS_TABLE, and the service's health will know of this worker")

    def end(self, seconds: float) -> None:
        """After `stopping` was set: waits so long for the sign to be taken back."""
        if self._thread.is_alive():
            self._thread.join(timeout=seconds)

    def _give_until_stopped(self) -> None:
        while not self._stopping.is_set():
            self._try(lambda: worker_store.note(self._client, self._worker, self._sign()))
            self._stopping.wait(self._every)
        self._try(lambda: worker_store.leave(self._client, self._worker))

    def _sign(self) -> Heartbeat:
        return Heartbeat(time.time(), self._every, Disk(*shutil.disk_usage(tempfile.gettempdir())))

    def _try(self, say: Callable[[], None]) -> None:
        try:
            say()
        except (BotoCoreError, ClientError, OSError) as error:
            log("sign_failed", error=client.code(error))
