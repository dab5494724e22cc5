"""Follows a job until it is finished, and describes what changed."""

import time
from collections.abc import Iterator
from contextlib import closing

from infra.cli.api import change_feed
from infra.cli.api.client import Client
from infra.cli.api.documents import Job, TaskProgress
from infra.cli.command_errors import ApiError, CommandError, UnreachableError

MAX_OUTAGE_SECONDS = 120.0  # without a response, which a watcher tolerates


def follow_job(client: Client, job_id: str, *, stall_timeout: float | None = None) -> Iterator[Job]:
    """Yields the job, then again whenever it has changed, until it is finished.

    `stall_timeout`: seconds without a change after which CommandError is raised; None for no limit.
    """
    with closing(change_feed.change_signals(client, job_id)) as signals:
        yield from _follow(client, job_id, signals, stall_timeout)


def _follow(client: Client, job_id: str, signals: Iterator[None], stall_timeout: float | None) -> Iterator[Job]:
    etag: str | None = None
    changed_at = answered_at = time.monotonic()
    while True:
        try:
            job, etag = client.job_if_changed(job_id, etag)
            answered_at = time.monotonic()
        except (UnreachableError, ApiError) as error:
            if etag is None or _is_permanent(error) or time.monotonic() - answered_at > MAX_OUTAGE_SECONDS:
                raise
            job = None
        if job is not None:
            changed_at = time.monotonic()
            yield job
            if job.finished:
                return
        elif stall_timeout is not None and time.monotonic() - changed_at > stall_timeout:
            raise CommandError(f"Job {job_id} did not change for {stall_timeout:.0f} s.")
        next(signals)


def _is_permanent(error: CommandError) -> bool:
    return isinstance(error, ApiError) and error.status < 500


def describe_changes(before: Job | None, now: Job) -> list[str]:
    """A line for a new status, and for each task that started or ended."""
    lines = [] if before and before.status == now.status else [_describe_status(now)]
    for name, task in now.progress.tasks.items():
        old = before.progress.tasks.get(name) if before else None
        if task.status != (old or TaskProgress()).status:
            lines.append(f"{task_label(name)}: {task.status}" + (f" ({task.note})" if task.note else ""))
    return lines


def task_label(task: str) -> str:
    """The name of a task for people."""
    return task.replace("_", " ")


def raise_unless_completed(job: Job) -> None:
    """Raises CommandError with the job's error message unless the job is completed."""
    if job.status == "completed":
        return
    if job.status == "cancelled" or job.error is None:
        raise CommandError(f"Job {job.job_id} was {job.status}.")
    task = f" in {task_label(job.error.failed_task)}" if job.error.failed_task else ""
    code = f" [{job.error.code}]" if job.error.code else ""
    raise CommandError(f"Job {job.job_id} failed{task}{code}: {job.error.message}")


def _describe_status(job: Job) -> str:
    position = job.progress.queue_position
    return job.status + (f", place {position} in the queue" if job.status == "queued" and position else "")
