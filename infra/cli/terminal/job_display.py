"""The display of a running job: progress bars on a terminal, lines in a log, JSON for a program."""

from typing import Protocol, Self

from rich.console import Console

from infra.cli.api.documents import Job
from infra.cli.terminal.json_lines import JsonLines
from infra.cli.terminal.log_lines import LogLines
from infra.cli.terminal.progress_bars import ProgressBars


class JobDisplay(Protocol):
    """Shows a job and its transfers.

    `advance` takes bytes, negative if a transfer starts again, and may be called from several threads.
    """

    def say(self, text: str) -> None: ...
    def begin_transfer(self, label: str, total: int | None) -> None: ...
    def advance(self, count: int) -> None: ...
    def show(self, job: Job) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...


def display_for(console: Console, *, as_json: bool = False) -> JobDisplay:
    """The display for this kind of output."""
    if as_json:
        return JsonLines()
    return ProgressBars(console) if console.is_terminal else LogLines(console)
