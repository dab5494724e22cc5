"""How a running job is shown: bars on a terminal, lines in a log, JSON for a program."""

from typing import Protocol, Self

from rich.console import Console

from infra.cli.api.documents import Job
from infra.cli.terminal.bars import Bars
from infra.cli.terminal.json_lines import JsonLines
from infra.cli.terminal.log_lines import LogLines


class JobDisplay(Protocol):
    """Shows a job. `advance` may be called from several threads; negative counts take back."""

    def say(self, text: str) -> None: ...
    def begin(self, what: str, total: int | None) -> None: ...
    def advance(self, count: int) -> None: ...
    def show(self, job: Job) -> None: ...
    def __enter__(self) -> Self: ...
    def __exit__(self, *error: object) -> None: ...


def display_for(console: Console, *, as_json: bool = False) -> JobDisplay:
    """The display that fits where the output goes."""
    if as_json:
        return JsonLines()
    return Bars(console) if console.is_terminal else LogLines(console)
