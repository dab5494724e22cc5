"""A running job as lines of a log, for an output that is no terminal."""

import threading
import time
from typing import Self

from rich.console import Console
from rich.filesize import decimal
from rich.text import Text

from infra.cli.api.documents import Job
from infra.cli.api.watch import news
from infra.cli.errors import printable
from infra.cli.terminal.durations import remaining
from infra.cli.terminal.transfer import Transfer

QUIET_SECONDS = 10.0  # the longest that a log says nothing while something moves


class LogLines:
    """A line for every change that a reader of a log would want, and one every ten seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._job: Job | None = None
        self._transfer = Transfer("", None)
        self._began = self._told = time.monotonic()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        self._print(text)

    def begin(self, what: str, total: int | None) -> None:
        self._transfer = Transfer(what, total)
        self._print(f"{what}, {decimal(total)}" if total is not None else what)

    def advance(self, count: int) -> None:
        with self._lock:
            self._transfer.done += count
            if self._is_time():
                self._print(f"{self._transfer.what}, {decimal(max(self._transfer.done, 0))} so far")

    def show(self, job: Job) -> None:
        told = news(self._job, job)
        if not told and self._is_time():
            told = [", ".join(filter(None, (job.status, remaining(job))))]
        for line in told:
            self._print(f"{job.progress.overall_progress:3.0f} %  {line}")
        self._job = job

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def _is_time(self) -> bool:
        return time.monotonic() - self._told > QUIET_SECONDS

    def _print(self, line: str) -> None:
        self._told = time.monotonic()
        self._console.print(Text(f"{self._told - self._began:6.1f} s  {printable(line)}"), soft_wrap=True)
