"""Shows a running job as progress bars on a terminal."""

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
from infra.cli.api.job_watch import task_label
from infra.cli.terminal.durations import format_duration, format_remaining
from infra.cli.terminal.transfer import Transfer
from infra.cli.text_format import printable

# Widths in columns. On a narrow terminal the bar becomes shorter, and is left out below MIN_BAR_WIDTH.
LABEL_WIDTH, PERCENT_WIDTH, BAR_WIDTH, MIN_BAR_WIDTH = 18, 5, 30, 8
FIXED_WIDTH = 30  # margins, mark, label and percentage
MIN_DETAIL_WIDTH = 17  # the detail gets the width that the bar leaves
MARKS = {
    "pending": ("·", "dim"),
    "running": ("▸", "cyan"),
    "completed": ("✓", "green"),
    "skipped": ("-", "dim"),
    "failed": ("✗", "red"),
}


class ProgressBars:
    """A bar for each transfer and each task, and one for the whole job."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._transfers: list[Transfer] = []
        self._job: Job | None = None
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._saw_unfinished = False  # else the job's duration is not known here
        self._live = Live(console=console, get_renderable=self._render, refresh_per_second=8)

    def say(self, text: str) -> None:
        self._console.print(Text("  " + printable(text)), soft_wrap=True)

    def begin_transfer(self, label: str, total: int | None) -> None:
        self._end_transfer()
        self._transfers.append(Transfer(label, total))

    def advance(self, count: int) -> None:
        with self._lock:
            self._transfers[-1].done += count

    def show(self, job: Job) -> None:
        self._end_transfer()
        self._job = job
        self._saw_unfinished = self._saw_unfinished or not job.finished

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

    def _render(self) -> RenderableType:
        grid = Table.grid(padding=(0, 1), pad_edge=False)
        free = self._console.width - FIXED_WIDTH
        bar_width = min(BAR_WIDTH, free - MIN_DETAIL_WIDTH - 1)
        has_bar = bar_width >= MIN_BAR_WIDTH
        if has_bar:
            widths = [1, LABEL_WIDTH, bar_width, PERCENT_WIDTH, max(free - bar_width - 1, 1)]
        else:
            widths = [1, LABEL_WIDTH, PERCENT_WIDTH, max(free, 1)]
        for width in widths:
            grid.add_column(no_wrap=True, overflow="ellipsis", width=width)
        for row in self._rows():
            grid.add_row(*(row if has_bar else _without_bar(row)))
        return Padding.indent(grid, 2)

    def _rows(self) -> Iterator[tuple[RenderableType, ...]]:
        """Yields mark, label, bar, percentage and detail. A skipped task has its note instead of a bar."""
        for transfer in self._transfers:
            yield tuple(_transfer_row(transfer))
        if self._job is not None:
            for name, task in self._job.progress.tasks.items():
                yield tuple(_task_row(task_label(name), task, "" if self._job.finished else "waiting"))
            yield tuple(_job_row(self._job, time.monotonic() - self._started if self._saw_unfinished else None))


def _without_bar(row: tuple[RenderableType, ...]) -> tuple[RenderableType, ...]:
    mark, label, bar, percentage, detail = row
    return mark, label, percentage, bar if isinstance(bar, Text) else detail


def _transfer_row(transfer: Transfer) -> Iterator[RenderableType]:
    done, total = max(transfer.done, 0), transfer.total
    size = decimal(done) if total is None or done >= total else f"{decimal(done)} of {decimal(total)}"
    percent = 100 * done / total if total else (100.0 if transfer.status == "completed" else 0.0)
    yield from _row(transfer.label, transfer.status, percent, size)


def _task_row(name: str, task: TaskProgress, pending_text: str) -> Iterator[RenderableType]:
    if task.status == "skipped":
        yield from (*_mark_and_label(name, task.status), Text(printable(task.note or "skipped"), "dim"), "", "")
    else:
        yield from _row(name, task.status, task.progress, pending_text if task.status == "pending" else "")


def _job_row(job: Job, seconds: float | None) -> Iterator[RenderableType]:
    status = job.status if job.status in MARKS else "cancelled" if job.finished else "running"
    duration = "" if seconds is None else f"in {format_duration(seconds)}"
    detail = duration if job.finished else format_remaining(job)
    yield from _row(job.status, status, job.progress.overall_progress, detail, style="bold")


def _row(label: str, status: str, percent: float, detail: str, style: str = "") -> Iterator[RenderableType]:
    colour = {"failed": "red", "completed": "green", "cancelled": "yellow"}.get(status, "cyan")
    yield from _mark_and_label(label, status, style)
    yield ProgressBar(total=100, completed=percent, complete_style=colour, finished_style=colour)
    yield Text("" if status == "pending" else f"{percent:3.0f} %", style)
    yield Text(detail, "dim")


def _mark_and_label(label: str, status: str, style: str = "") -> tuple[Text, Text]:
    mark, colour = MARKS.get(status, ("■", "yellow"))
    return Text(mark, colour), Text(label, style or ("dim" if status in ("pending", "skipped") else ""))
