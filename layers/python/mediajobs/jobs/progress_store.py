"""The progress that the tasks of a running job report: item `progress` of the jobs table.

A task learns that it must stop when its report is refused: then its attempt is over.
"""

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
    """Writes the progress of these tasks, unless an earlier run of them was further.

    Raises Stopped where the attempt is over, Contention.
    """
    condition = _is_current(attempt)
    actions: list[Any] = []
    for name, task in tasks.items():
        condition &= ProgressRow.tasks[name]["progress"] <= task.progress
        actions.append(ProgressRow.tasks[name].set(task.model_dump(exclude_none=True)))
    if not _write(job_id, attempt, actions, condition) and len(tasks) > 1:
        for name, task in tasks.items():  # a task that is behind does not keep the others from reporting
            report(job_id, attempt, {name: task})


def record_failure(job_id: str, attempt: int, failure: Failure) -> None:
    """Writes why a task failed, for whoever ends the job. Raises Stopped where the attempt is over, Contention."""
    actions: list[Any] = [ProgressRow.failure.set(failure.model_dump())]
    current = read(job_id)
    if failure.task is not None and current is not None and failure.task in current.tasks:
        task = ProgressRow.tasks[failure.task]
        actions += [
            task["status"].set("failed"),
            task["note"].set(failure.message),
            task["code"].set(failure.code),
        ]
    _write(job_id, attempt, actions, _is_current(attempt))


def read(job_id: str) -> Progress | None:
    """The progress; None where the job never began, or is deleted."""
    try:
        return as_progress(ProgressRow.get(job_id, PROGRESS, consistent_read=True))
    except DoesNotExist:
        return None


def is_over(job_id: str, attempt: int) -> bool:
    """Whether the attempt has ended or another one has begun. One small consistent read."""
    try:
        row = ProgressRow.get(job_id, PROGRESS, consistent_read=True, attributes_to_get=["attempt", "stopped"])
    except DoesNotExist:
        return True
    return bool(row.stopped or row.attempt != attempt)


def stop(transaction: TransactWrite, job_id: str) -> None:
    """Adds to a transaction that no report is accepted any more."""
    transaction.update(
        ProgressRow(job_id, PROGRESS), [ProgressRow.stopped.set(True), ProgressRow.updated_at.set(clock.now())]
    )


def row_of(job_id: str, progress: Progress) -> ProgressRow:
    return ProgressRow(job_id, PROGRESS, **progress.model_dump(mode="json", exclude_none=True))


def as_progress(row: ProgressRow) -> Progress:
    values = {name: value for name, value in row.attribute_values.items() if value is not None}
    return Progress.model_validate(values | {"tasks": row.tasks.as_dict()})


def _is_current(attempt: int) -> Condition:
    current: Condition = (ProgressRow.attempt == attempt) & (ProgressRow.stopped == False)  # noqa: E712 - an expression
    return current


def _write(job_id: str, attempt: int, actions: list[Any], condition: Condition) -> bool:
    """Whether the report was written. False where an earlier one was further. Raises Stopped, Contention."""
    bookkeeping = [ProgressRow.sequence.add(1), ProgressRow.updated_at.set(clock.now())]
    if write_if_allowed(lambda: ProgressRow(job_id, PROGRESS).update(actions + bookkeeping, condition=condition)):
        return True
    current = read(job_id)
    if current is None or current.stopped or current.attempt != attempt:
        raise Stopped(f"attempt {attempt} of job {job_id} is over")
    return False
