"""How far a job is, computed from what its tasks report."""

import math
from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel

from mediajobs.life import TERMINAL, WEIGHTS, Status

TaskStatus = Literal["pending", "running", "completed", "skipped", "failed"]


class TaskProgress(BaseModel):
    """One task: percent done, and why it was skipped or what it failed of."""

    status: TaskStatus = "pending"
    progress: float = 0.0
    note: str | None = None


class Failure(BaseModel):
    """Why a task failed, in the words of the task itself."""

    code: str
    message: str
    task: str | None = None


class Progress(BaseModel):
    """The tasks of one attempt. `sequence` counts the writes; `rates`: see `mediajobs.eta`."""

    attempt: int
    tasks: dict[str, TaskProgress]
    sequence: int = 0
    updated_at: str = ""
    stopped: bool = False
    failure: Failure | None = None
    rates: dict[str, list[float]] = {}


def fresh(tasks: Iterable[str], *, attempt: int, now: str, rates: dict[str, list[float]] | None = None) -> Progress:
    """The progress of an attempt that begins."""
    return Progress(attempt=attempt, tasks={t: TaskProgress() for t in tasks}, updated_at=now, rates=rates or {})


def overall(status: Status, tasks: dict[str, TaskProgress]) -> int:
    """Percent of the whole job, by weight, over the tasks that it has; 100 only when completed."""
    if status is Status.COMPLETED:
        return 100
    counted = {name: task for name, task in tasks.items() if task.status != "skipped"}
    weight = sum(WEIGHTS[name] for name in counted)
    if not weight:
        return 0
    done = sum(WEIGHTS[name] * task.progress for name, task in counted.items())
    return min(99, math.floor(done / weight))


def current_task(status: Status, tasks: dict[str, TaskProgress]) -> str | None:
    """The heaviest of the running tasks; between two tasks, the next one; none when the job rests."""
    if status in TERMINAL or status in (Status.PENDING, Status.QUEUED):
        return None
    running = [name for name, task in tasks.items() if task.status == "running"]
    if running:
        return max(running, key=lambda name: WEIGHTS[name])
    return next((name for name, task in tasks.items() if task.status == "pending"), None)
