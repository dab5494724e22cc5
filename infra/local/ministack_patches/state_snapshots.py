"""Saves MiniStack's state every few seconds, so that a crash loses only the last ones.

MiniStack itself saves only when it is stopped with SIGTERM. Here a forked copy of the process writes the state of one
moment, so that no request waits for it.
"""

import asyncio
import gc
import logging
import os
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

import ministack.app
from ministack.core import persistence

from infra.local.ministack_patches.asgi import App, Message, Receive, Send
from infra.local.stack_folder import RUNNING_MARKER

INTERVAL_SECONDS = 5.0
# Saving uses at most 1/20 of a processor: the larger the state, the longer the interval.
MIN_INTERVAL_PER_CPU_SECOND = 20
WRITE_TIMEOUT_SECONDS = 120  # if another thread held a lock at the fork, the copy may wait for that lock for ever
STATE_FOLDER = Path(persistence.STATE_DIR)
PARTIAL_FOLDER = STATE_FOLDER.with_name("half-written")
MARKER_FILE = STATE_FOLDER.with_name(RUNNING_MARKER)


class SnapshotSaver:
    """Wraps the app and saves its state while it runs."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._changed = False
        self._writer_pid = 0
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._run_lifespan(scope, receive, send)
        else:
            self._changed = True
            await self._app(scope, receive, send)

    async def _run_lifespan(self, scope: Message, receive: Receive, send: Send) -> None:
        async def receive_message() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._stop()
            return message

        async def send_message(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                MARKER_FILE.touch()
                self._task = asyncio.create_task(self._save_periodically())
            if message["type"] == "lifespan.shutdown.complete":
                MARKER_FILE.unlink(missing_ok=True)
            await send(message)

        await self._app(scope, receive_message, send_message)

    async def _save_periodically(self) -> None:
        cpu_seconds = 0.0
        while True:
            await asyncio.sleep(max(INTERVAL_SECONDS, MIN_INTERVAL_PER_CPU_SECOND * cpu_seconds))
            if self._changed:
                self._changed = False
                cpu_seconds = await self._save()

    async def _save(self) -> float:
        """Returns the CPU seconds that it took."""
        try:
            self._writer_pid = os.fork()
        except OSError as error:  # no memory for a copy; the next attempt may succeed
            logging.error("the state was not saved: %s", error)
            return 0.0
        if not self._writer_pid:
            _write_and_exit()
        _, status, usage = await asyncio.to_thread(os.wait4, self._writer_pid, 0)
        self._writer_pid = 0
        if status:
            logging.error("the state was not saved: its writer ended with %s", os.waitstatus_to_exitcode(status))
        return usage.ru_utime + usage.ru_stime

    async def _stop(self) -> None:
        """MiniStack saves its state next, and no older state may be written after that."""
        if self._task:
            self._task.cancel()
        if self._writer_pid:
            with suppress(ProcessLookupError):
                os.kill(self._writer_pid, signal.SIGKILL)


def _write_and_exit() -> NoReturn:
    """Runs in the forked copy. The files are replaced only after all of them are written."""
    try:
        gc.disable()  # it would write to, and so copy, all memory pages
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.alarm(WRITE_TIMEOUT_SECONDS)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # the port and the connections belong to the parent
        shutil.rmtree(PARTIAL_FOLDER, ignore_errors=True)
        persistence.STATE_DIR = str(PARTIAL_FOLDER)
        persistence.save_all(ministack.app._build_persistence_save_dict())  # type: ignore[no-untyped-call]
        for file in PARTIAL_FOLDER.iterdir():
            file.replace(STATE_FOLDER / file.name)
    except BaseException:  # the copy must never continue as if it were the server
        logging.exception("the state could not be written")
        os._exit(1)
    os._exit(0)
