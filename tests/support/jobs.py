"""Jobs for tests."""

from typing import Any

from ulid import ULID

from mediajobs import clock
from mediajobs.jobs import job_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job
from mediajobs.timestamps import from_milliseconds


def make_job(*, at: int | None = None, **fields: Any) -> Job:
    """A pending job of the account `acme`, made `at` so many milliseconds since 1970, or now. It is not stored."""
    milliseconds = clock.milliseconds() if at is None else at
    moment = from_milliseconds(milliseconds)
    values = {
        "job_id": str(ULID.from_timestamp(milliseconds / 1000)),
        "account": "acme",
        "status": Status.PENDING,
        "filename": "a.mp4",
        "created_at": moment,
        "updated_at": moment,
    }
    return Job.model_validate(values | fields)


def create_job(*, at: int | None = None, **fields: Any) -> Job:
    """The same, stored."""
    job = make_job(at=at, **fields)
    job_store.create(job)
    return job
