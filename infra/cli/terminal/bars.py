"""A running job as progress bars on a terminal."""

import threading
import time
from collections.abc import Iterator
from typing import Self

from rich.console import Console, RenderableType
from rich.filesize import decimal
from rich.live import Live
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from infra.cli.api.documents import Job, TaskProgress
from infra.cli.api.watch import spoken
from infra.cli.errors import printable
from infra.cli.terminal.durations import duration, remaining
from infra.cli.terminal.transfer import Transfer

LABEL, BAR, SHORTEST = 18, 30, 8  # columns; on a narrow screen the bar gives way, and then is not worth showing
BESIDE, WORDS = 30, 17  # columns for margins, mark, label and percent; and for words, which get what the bar leaves
MARKS = {
    "pending": ("·", "dim"),
    "running": ("▸", "cyan"),
    "completed": ("✓", "green"),
    "skipped": ("-", "dim"),
    "failed": ("✗", "red"),
}


class Bars:
    """One bar for each transfer and each task of the job, and one for the whole."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._transfers: list[Transfer] = []
        self._job: Job | None = None
        self._began = time.monotonic()
        self._lock = threading.Lock()
        self._witness = False  # of the job's work: else how long it took is not known here
        self._live = Live(console=console, get_renderable=self._picture, refresh_per_second=8)

    def say(self, text: str) -> None:
        self._console.print(Text("  " + printable(text)), soft_wrap=True)

    def begin(self, what: str, total: int | None) -> None:
        self._end_transfer()
        self._transfers.append(Transfer(what, total))

    def advance(self, count: int) -> None:
        with self._lock:
            self._transfers[-1].done += count

    def show(self, job: Job) -> None:
        self._end_transfer()
        self._job, self._witness = job, self._witness or not job.finished

    def __enter__(self) -> Self:
        self._live.start()
        return self

    def __exit__(self, *error: object) -> None:
        if error[0] is None:
            self._end_transfer()
        self._live.stop()

    def _end_transfer(self) -> None:
        if self._transfers:
            self._transfers[-1].status = "completed"

    def _picture(self) -> RenderableType:
        grid, free = Table.grid(padding=(0, 1), pad_edge=False), self._console.width - BESIDE
        bar = min(BAR, free - WORDS - 1)
        widths = [1, LABEL, 5, max(free, 1)] if bar < SHORTEST else [1, LABEL, bar, 5, max(free - bar - 1, 1)]
        for width in widths:
            grid.add_column(no_wrap=True, overflow="ellipsis", width=width)
        for row in self._rows():
            mark, label, shown, percent, words = row
            narrow = (mark, label, percent, shown if isinstance(shown, Text) else words)
            grid.add_row(*(narrow if bar < SHORTEST else row))
        return Padding.indent(grid, 2)

    def _rows(self) -> Iterator[tuple[RenderableType, ...]]:
        for transfer in self._transfers:
            yield tuple(_transfer_row(transfer))
        if self._job is not None:
            for name, task in self._job.progress.tasks.items():
                yield tuple(_task_row(spoken(name), task, "" if self._job.finished else "waiting"))
            yield tuple(_whole_row(self._job, time.monotonic() - self._began if self._witness else None))


def _transfer_row(transfer: Transfer) -> Iterator[RenderableType]:
    done, total = max(transfer.done, 0), transfer.total
    size = decimal(done) if total is None or done >= total else f"{decimal(done)} of {decimal(total)}"
    percent = 100 * done / total if total else (100.0 if transfer.status == "completed" else 0.0)
    yield from _row(transfer.what, transfer.status, percent, size)


def _task_row(name: str, task: TaskProgress, pending: str) -> Iterator[RenderableType]:
    if task.status == "skipped":
        yield from (*_mark_and_label(name, task.status), Text(printable(task.note or "skipped"), "dim"), "", "")
    else:
        yield from _row(name, task.status, task.progress, pending if task.status == "pending" else "")


def _whole_row(job: Job, seconds: float | None) -> Iterator[RenderableType]:
    status = job.status if job.status in MARKS else "cancelled" if job.finished else "running"
    words = remaining(job) if not job.finished else "" if seconds is None else f"in {duration(seconds)}"
    yield from _row(job.status, status, job.progress.overall_progress, words, style="bold")


def _row(label: str, status: str, percent: float, words: str, style: str = "") -> Iterator[RenderableType]:
    colour = {"failed": "red", "completed": "green", "cancelled": "yellow"}.get(status, "cyan")
    yield from _mark_and_label(label, status, style)
    yield ProgressBar(total=100, completed=percent, complete_style=colour, finished_style=colour)
    yield Text("" if status == "pending" else f"{percent:3.0f} %", style)
    yield Text(words, "dim")


def _mark_and_label(label: str, status: str, style: str = "") -> tuple[Text, Text]:
    mark, colour = MARKS.get(status, ("■", "yellow"))
    return Text(mark, colour), Text(label, style or ("dim" if status in ("pending", "skipped") else ""))
