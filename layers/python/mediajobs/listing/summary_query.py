"""Briefs of many jobs at once, by batch reads."""

from collections.abc import Iterable, Sequence

from mediajobs.aws import batch_items
from mediajobs.ids import is_job_id
from mediajobs.jobs.job_store import as_job
from mediajobs.jobs.model import Job
from mediajobs.jobs.presenter import job_brief
from mediajobs.jobs.progress import Progress
from mediajobs.jobs.progress_store import as_progress
from mediajobs.jobs.schemas import JobBrief
from mediajobs.jobs.tables import JOB, PROGRESS, JobRow, ProgressRow
from mediajobs.listing.schemas import MissingJob
from mediajobs.settings import setting

_ATTRIBUTES = (
    *("job_id", "item", "account", "status", "version", "attempt", "base_attempt", "priority", "filename", "options"),
    *("created_at", "updated_at", "completed_at", "sequence", "stopped", "tasks"),
)
_Images = dict[tuple[str, str], batch_items.Image]  # by job id and item


def read(job_ids: Sequence[str], *, account: str) -> list[JobBrief | MissingJob]:
    """One entry for each id, in order, as `account` may see it. An id may come twice. Raises ClientError."""
    (images,) = batch_items.read(request(job_ids))
    return entries(job_ids, images, account=account)


def request(job_ids: Iterable[str], extra: tuple[str, ...] = ()) -> batch_items.BatchRead:
    """The read of these jobs and of their progress. `extra`: attributes besides those of a brief."""
    distinct = sorted({job_id for job_id in job_ids if is_job_id(job_id)})
    keys = [{"job_id": {"S": job_id}, "item": {"S": item}} for job_id in distinct for item in (JOB, PROGRESS)]
    return batch_items.BatchRead(setting("JOBS_TABLE"), keys, _ATTRIBUTES + extra, consistent=True)


def entries(
    job_ids: Sequence[str], images: Iterable[batch_items.Image], *, account: str
) -> list[JobBrief | MissingJob]:
    """The entries of `read`, from the result of `request`."""
    by_key = _by_key(images)
    return [_entry(job_id, account, by_key) for job_id in job_ids]


def jobs_of(images: Iterable[batch_items.Image]) -> list[tuple[Job, Progress | None]]:
    """The jobs and what their tasks reported, from the result of `request`, with the attributes that it asked for."""
    by_key = _by_key(images)
    return [
        (as_job(JobRow.from_raw_data(image)), _progress(by_key, job_id))
        for (job_id, item), image in by_key.items()
        if item == JOB
    ]


def _by_key(images: Iterable[batch_items.Image]) -> _Images:
    return {(image["job_id"]["S"], image["item"]["S"]): image for image in images}


def _entry(job_id: str, account: str, images: _Images) -> JobBrief | MissingJob:
    image = images.get((job_id, JOB))
    if image is None:
        return MissingJob(job_id=job_id, error="not_found")
    job = as_job(JobRow.from_raw_data(image))
    if job.account != account:
        return MissingJob(job_id=job_id, error="forbidden")
    return job_brief(job, _progress(images, job_id))


def _progress(images: _Images, job_id: str) -> Progress | None:
    image = images.get((job_id, PROGRESS))
    return as_progress(ProgressRow.from_raw_data(image)) if image else None
