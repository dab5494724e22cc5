"""The worker's heartbeat, written by a thread of its own, which the service's health check reads."""

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
from statemachine.worker import aws_clients
from statemachine.worker.log import log

INTERVAL_SECONDS = 10.0


class HeartbeatThread:
    """Writes to COUNTERS_TABLE; without that setting the worker runs without heartbeats. Its failures end no task."""

    def __init__(self, stopping: threading.Event) -> None:
        self._stopping = stopping
        self._worker = f"{os.uname().nodename[:80]}/{uuid.uuid4().hex[:12]}"
        self._interval = float(os.environ.get("WORKER_SIGN_SECONDS", INTERVAL_SECONDS))
        self._client = aws_clients.heartbeat_client()
        self._thread = threading.Thread(target=self._write_until_stopped, daemon=True)

    def start(self) -> None:
        if "COUNTERS_TABLE" in os.environ:
            self._thread.start()
        else:
            log("heartbeat_disabled", cure="set COUNTERS_TABLE, and the service's health check will see this worker")

    def join(self, seconds: float) -> None:
        """After `stopping` was set: waits this long for the heartbeat to be removed."""
        if self._thread.is_alive():
            self._thread.join(timeout=seconds)

    def _write_until_stopped(self) -> None:
        while not self._stopping.is_set():
            self._try(lambda: worker_store.note(self._client, self._worker, self._heartbeat()))
            self._stopping.wait(self._interval)
        self._try(lambda: worker_store.leave(self._client, self._worker))

    def _heartbeat(self) -> Heartbeat:
        return Heartbeat(time.time(), self._interval, Disk(*shutil.disk_usage(tempfile.gettempdir())))

    def _try(self, call: Callable[[], None]) -> None:
        try:
            call()
        except (BotoCoreError, ClientError, OSError) as error:
            log("worker_heartbeat_failed", error=aws_clients.error_code(error))
