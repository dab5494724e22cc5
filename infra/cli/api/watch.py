"""A job followed to its end, and what changed between two looks at it."""

import time
from collections.abc import Iterator
from contextlib import closing

from infra.cli.api import change_feed
from infra.cli.api.client import Client
from infra.cli.api.documents import Job, TaskProgress
from infra.cli.errors import CommandError, RefusedError, UnreachableError

OUTAGE = 120.0  # seconds without an answer that a watcher sits out


def follow(client: Client, job_id: str, *, patience: float | None = None) -> Iterator[Job]:
    """The job now, then again whenever it has changed, until it is finished.

    `patience`: seconds without any change after which CommandError is raised; None waits as long as it takes.
    """
    with closing(change_feed.ticks(client, job_id)) as ticks:
        yield from _followed(client, job_id, ticks, patience)


def _followed(client: Client, job_id: str, ticks: Iterator[None], patience: float | None) -> Iterator[Job]:
    etag: str | None = None
    changed_at = answered_at = time.monotonic()
    while True:
        try:
            job, etag = client.job_unless(job_id, etag)
            answered_at = time.monotonic()
        except (UnreachableError, RefusedError) as error:
            lasting = isinstance(error, RefusedError) and error.status < 500
            if lasting or etag is None or time.monotonic() - answered_at > OUTAGE:
                raise
            job = None
        if job is not None:
            changed_at = time.monotonic()
            yield job
            if job.finished:
                return
        elif patience is not None and time.monotonic() - changed_at > patience:
            raise CommandError(f"Job {job_id} did not move for {patience:.0f} s.")
        next(ticks)


def news(before: Job | None, now: Job) -> list[str]:
    """What a log would say of the change: a new status, and tasks that began or ended."""
    told = [] if before and before.status == now.status else [_status(now)]
    for name, task in now.progress.tasks.items():
        old = before.progress.tasks.get(name) if before else None
        if task.status != (old or TaskProgress()).status:
            told.append(f"{spoken(name)}: {task.status}" + (f" ({task.note})" if task.note else ""))
    return told


def spoken(task: str) -> str:
    """A task's name for people."""
    return task.replace("_", " ")


def check(job: Job) -> None:
    """Raises CommandError with the job's own words unless it is completed."""
    if job.status == "completed":
        return
    if job.status == "cancelled" or job.error is None:
        raise CommandError(f"Job {job.job_id} was {job.status}.")
    where = f" in {spoken(job.error.failed_task)}" if job.error.failed_task else ""
    code = f" [{job.error.code}]" if job.error.code else ""
    raise CommandError(f"Job {job.job_id} failed{where}{code}: {job.error.message}")


def _status(job: Job) -> str:
    position = job.progress.queue_position
    return job.status + (f", place {position} in the queue" if job.status == "queued" and position else "")
