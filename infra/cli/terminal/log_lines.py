"""Shows a running job as lines of a log, for an output that is no terminal."""

import threading
import time
from typing import Self

from rich.console import Console
from rich.filesize import decimal
from rich.text import Text

from infra.cli.api.documents import Job
from infra.cli.api.job_watch import describe_changes
from infra.cli.terminal.durations import format_remaining
from infra.cli.terminal.transfer import Transfer
from infra.cli.text_format import printable

MAX_SILENCE_SECONDS = 10.0  # while something makes progress


class LogLines:
    """Prints a line for every change of status, and at least one in MAX_SILENCE_SECONDS."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._job: Job | None = None
        self._transfer = Transfer("", None)
        self._started = self._last_line = time.monotonic()
        self._lock = threading.Lock()

    def say(self, text: str) -> None:
        self._print(text)

    def begin_transfer(self, label: str, total: int | None) -> None:
        self._transfer = Transfer(label, total)
        self._print(f"{label}, {decimal(total)}" if total is not None else label)

    def advance(self, count: int) -> None:
        with self._lock:
            self._transfer.done += count
            if self._is_line_due():
                self._print(f"{self._transfer.label}, {decimal(max(self._transfer.done, 0))} so far")

    def show(self, job: Job) -> None:
        lines = describe_changes(self._job, job)
        if not lines and self._is_line_due():
            lines = [", ".join(filter(None, (job.status, format_remaining(job))))]
        for line in lines:
            self._print(f"{job.progress.overall_progress:3.0f} %  {line}")
        self._job = job

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def _is_line_due(self) -> bool:
        return time.monotonic() - self._last_line > MAX_SILENCE_SECONDS

    def _print(self, line: str) -> None:
        self._last_line = time.monotonic()
        self._console.print(Text(f"{self._last_line - self._started:6.1f} s  {printable(line)}"), soft_wrap=True)
