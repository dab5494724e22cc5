"""Many jobs in a few words each, by batch reads."""

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
Images = dict[tuple[str, str], batch_items.Image]  # by job and item


def read(job_ids: Sequence[str], *, account: str) -> list[JobBrief | MissingJob]:
    """One entry for each id, in order, as `account` may see it. An id may come twice. Raises ClientError."""
    (images,) = batch_items.read(wanted(job_ids))
    return entries(job_ids, images, account=account)


def wanted(job_ids: Iterable[str], more: tuple[str, ...] = ()) -> batch_items.BatchRead:
    """The rows of these jobs and of their progress. `more`: attributes that a brief does not need."""
    distinct = sorted({job_id for job_id in job_ids if is_job_id(job_id)})
    keys = [{"job_id": {"S": job_id}, "item": {"S": item}} for job_id in distinct for item in (JOB, PROGRESS)]
    return batch_items.BatchRead(setting("JOBS_TABLE"), keys, _ATTRIBUTES + more, consistent=True)


def entries(
    job_ids: Sequence[str], images: Iterable[batch_items.Image], *, account: str
) -> list[JobBrief | MissingJob]:
    """The same as `read`, of what was read."""
    found = {(image["job_id"]["S"], image["item"]["S"]): image for image in images}
    return [_entry(job_id, account, found) for job_id in job_ids]


def jobs_of(images: Iterable[batch_items.Image]) -> list[tuple[Job, Progress | None]]:
    """The jobs themselves, and what their tasks reported, as far as their attributes were asked for."""
    found = {(image["job_id"]["S"], image["item"]["S"]): image for image in images}
    return [
        (as_job(JobRow.from_raw_data(image)), _progress(found, job_id))
        for (job_id, item), image in found.items()
        if item == JOB
    ]


def _entry(job_id: str, account: str, found: Images) -> JobBrief | MissingJob:
    image = found.get((job_id, JOB))
    if image is None:
        return MissingJob(job_id=job_id, error="not_found")
    job = as_job(JobRow.from_raw_data(image))
    if job.account != account:
        return MissingJob(job_id=job_id, error="forbidden")
    return job_brief(job, _progress(found, job_id))


def _progress(found: Images, job_id: str) -> Progress | None:
    image = found.get((job_id, PROGRESS))
    return as_progress(ProgressRow.from_raw_data(image)) if image else None
