"""MiniStack saves what it knows when it is stopped politely. Here it does so every few seconds as well, so that a crash
costs those alone.

A copy of the process writes down what was known at one moment: nobody waits for it.
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

from infra.local.gateway import App, Message, Receive, Send
from infra.local.home import OPEN

EVERY_SECONDS = 5.0
SHARE = 20  # no more than one part in so many of a processor is for saving: what is large is saved less often
MOST_SECONDS = 120  # a copy that was made while another thread held a lock may wait for that in vain
STATE = Path(persistence.STATE_DIR)
HALF_WRITTEN = STATE.with_name("half-written")


class Saving:
    """The app, whose state is saved while it runs."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._changed = False
        self._writer = 0
        self._task: asyncio.Task[None] | None = None

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] != "lifespan":
            self._changed = True
            await self._app(scope, receive, send)
            return

        async def hear() -> Message:
            message = await receive()
            if message["type"] == "lifespan.shutdown":
                await self._stop()
            return message

        async def tell(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete":
                STATE.with_name(OPEN).touch()
                self._task = asyncio.create_task(self._save_for_ever())
            if message["type"] == "lifespan.shutdown.complete":
                STATE.with_name(OPEN).unlink(missing_ok=True)
            await send(message)

        await self._app(scope, hear, tell)

    async def _save_for_ever(self) -> None:
        cost = 0.0
        while True:
            await asyncio.sleep(max(EVERY_SECONDS, SHARE * cost))
            if self._changed:
                self._changed = False
                cost = await self._save()

    async def _save(self) -> float:
        """Gives how many seconds of a processor it took."""
        try:
            self._writer = os.fork()
        except OSError as error:  # no memory for a copy: the next time, perhaps
            logging.error("the state was not saved: %s", error)
            return 0.0
        if not self._writer:
            _write()
        _, status, used = await asyncio.to_thread(os.wait4, self._writer, 0)
        self._writer = 0
        if status:
            logging.error("the state was not saved: its writer ended with %s", os.waitstatus_to_exitcode(status))
        return used.ru_utime + used.ru_stime

    async def _stop(self) -> None:
        """MiniStack itself saves next: nothing older may come after that."""
        if self._task:
            self._task.cancel()
        if self._writer:
            with suppress(ProcessLookupError):
                os.kill(self._writer, signal.SIGKILL)


def _write() -> NoReturn:
    """In the copy. All files are replaced together, when all are written."""
    try:
        gc.disable()  # it would touch, and so copy, all memory
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.alarm(MOST_SECONDS)
        os.closerange(3, os.sysconf("SC_OPEN_MAX"))  # the clients and the port are not its
        shutil.rmtree(HALF_WRITTEN, ignore_errors=True)
        persistence.STATE_DIR = str(HALF_WRITTEN)
        persistence.save_all(ministack.app._build_persistence_save_dict())  # type: ignore[no-untyped-call]
        for file in HALF_WRITTEN.iterdir():
            file.replace(STATE / file.name)
    except BaseException:  # a copy of the process must never go on as the process
        logging.exception("the state could not be written")
        os._exit(1)
    os._exit(0)
