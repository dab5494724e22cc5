"""The progress of a job, computed from what its tasks report."""

import math
from collections.abc import Iterable, Mapping
from typing import Literal

from mediajobs.base_model import LazyModel
from mediajobs.jobs.lifecycle import TERMINAL, Status
from mediajobs.jobs.model import Failure
from mediajobs.media.tasks import STAGES, WEIGHTS

TaskStatus = Literal["pending", "running", "completed", "skipped", "failed", "cancelled"]
DONE = frozenset({"completed", "skipped"})


class TaskProgress(LazyModel):
    """The progress of one task, in percent. `note`: why it was skipped, or why it failed; `code`: of the failure."""

    status: TaskStatus = "pending"
    progress: float = 0.0
    note: str | None = None
    code: str | None = None


class Progress(LazyModel):
    """The tasks of one attempt. `sequence` counts the writes; `rates`: see `mediajobs.jobs.eta`."""

    attempt: int
    tasks: dict[str, TaskProgress]
    sequence: int = 0
    updated_at: str = ""
    stopped: bool = False
    failure: Failure | None = None
    rates: dict[str, list[float]] = {}


def new_progress(
    names: Iterable[str],
    *,
    attempt: int,
    now: str,
    rates: dict[str, list[float]] | None = None,
    done: Mapping[str, TaskProgress] | None = None,
) -> Progress:
    """The progress of an attempt that begins. `done`: the tasks that it need not do, see `completed_stages`."""
    tasks = {name: TaskProgress() for name in names} | dict(done or {})
    return Progress(attempt=attempt, tasks=tasks, updated_at=now, rates=rates or {})


def completed_stages(earlier: Progress | None, base_attempt: int) -> dict[str, TaskProgress]:
    """The tasks that a retry need not do again, because the earlier attempt completed their whole stage.

    A stage that ended half way is run again as a whole. An attempt before `base_attempt` does not count.
    """
    if earlier is None or earlier.attempt < base_attempt:
        return {}
    tasks = earlier.tasks
    done = [stage for stage in STAGES.values() if stage[-1] in tasks and tasks[stage[-1]].status in DONE]
    return {name: tasks[name] for stage in done for name in stage if name in tasks and tasks[name].status in DONE}


def overall_percent(status: Status, tasks: dict[str, TaskProgress]) -> int:
    """The progress of the whole job in percent: its tasks by weight, without skipped ones. 100 only when completed."""
    if status is Status.COMPLETED:
        return 100
    counted = {name: task for name, task in tasks.items() if task.status != "skipped"}
    weight = sum(WEIGHTS[name] for name in counted)
    if not weight:
        return 0
    done = sum(WEIGHTS[name] * task.progress for name, task in counted.items())
    return min(99, math.floor(done / weight))


def current_task(status: Status, tasks: dict[str, TaskProgress]) -> str | None:
    """The running task of the largest weight; between two tasks, the next one; None while the job does not run."""
    if status in TERMINAL or status in (Status.PENDING, Status.QUEUED):
        return None
    running = [name for name, task in tasks.items() if task.status == "running"]
    if running:
        return max(running, key=lambda name: WEIGHTS[name])
    return next((name for name, task in tasks.items() if task.status == "pending"), None)
