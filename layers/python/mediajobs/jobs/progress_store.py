"""What the tasks of a running job report. A write that is refused is how a task learns that it must stop."""

from collections.abc import Mapping
from typing import Any

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.condition import Condition
from pynamodb.transactions import TransactWrite

from mediajobs import clock
from mediajobs.aws.conditional_writes import write_if_allowed
from mediajobs.errors import Stopped
from mediajobs.jobs.model import Failure
from mediajobs.jobs.progress import Progress, TaskProgress
from mediajobs.jobs.tables import PROGRESS, ProgressRow


def report(job_id: str, attempt: int, tasks: Mapping[str, TaskProgress]) -> None:
    """Keeps how far these tasks are, unless an earlier run of them was further. Raises Stopped, Contention."""
    condition = _alive(attempt)
    actions: list[Any] = []
    for name, task in tasks.items():
        condition &= ProgressRow.tasks[name]["progress"] <= task.progress
        actions.append(ProgressRow.tasks[name].set(task.model_dump(exclude_none=True)))
    if not _write(job_id, attempt, actions, condition) and len(tasks) > 1:
        for name, task in tasks.items():  # one that is behind does not mute the others
            report(job_id, attempt, {name: task})


def record_failure(job_id: str, attempt: int, failure: Failure) -> None:
    """Keeps why a task failed, so that whoever ends the job can say it. Raises Stopped, Contention."""
    actions: list[Any] = [ProgressRow.failure.set(failure.model_dump())]
    if failure.task is not None:
        task = ProgressRow.tasks[failure.task]
        actions += [task["status"].set("failed"), task["note"].set(failure.message)]
    _write(job_id, attempt, actions, _alive(attempt))


def read(job_id: str) -> Progress | None:
    try:
        return as_progress(ProgressRow.get(job_id, PROGRESS, consistent_read=True))
    except DoesNotExist:
        return None


def is_over(job_id: str, attempt: int) -> bool:
    """Whether nobody wants this attempt any more. One small consistent read."""
    try:
        row = ProgressRow.get(job_id, PROGRESS, consistent_read=True, attributes_to_get=["attempt", "stopped"])
    except DoesNotExist:
        return True
    return bool(row.stopped or row.attempt != attempt)


def stop(transaction: TransactWrite, job_id: str) -> None:
    """Adds to a transaction: from now on no report is taken."""
    transaction.update(
        ProgressRow(job_id, PROGRESS), [ProgressRow.stopped.set(True), ProgressRow.updated_at.set(clock.now())]
    )


def row_of(job_id: str, progress: Progress) -> ProgressRow:
    return ProgressRow(job_id, PROGRESS, **progress.model_dump(mode="json", exclude_none=True))


def as_progress(row: ProgressRow) -> Progress:
    values = {name: value for name, value in row.attribute_values.items() if value is not None}
    return Progress.model_validate(values | {"tasks": row.tasks.as_dict()})


def _alive(attempt: int) -> Condition:
    alive: Condition = (ProgressRow.attempt == attempt) & (ProgressRow.stopped == False)  # noqa: E712 - an expression
    return alive


def _write(job_id: str, attempt: int, actions: list[Any], condition: Condition) -> bool:
    """Whether the report was written; it is not where an earlier one was further. Raises Stopped, Contention."""
    always = [ProgressRow.sequence.add(1), ProgressRow.updated_at.set(clock.now())]
    if write_if_allowed(lambda: ProgressRow(job_id, PROGRESS).update(actions + always, condition=condition)):
        return True
    current = read(job_id)
    if current is None or current.stopped or current.attempt != attempt:
        raise Stopped(f"attempt {attempt} of job {job_id} is over")
    return False
