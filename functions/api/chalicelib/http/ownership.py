"""Jobs belong to accounts. Every view asks here before it reads or changes a job."""

from http import HTTPStatus

from chalicelib.http.problems import Problem
from mediajobs.accounts.key_store import Caller
from mediajobs.errors import NotFound
from mediajobs.ids import is_job_id
from mediajobs.jobs import job_store
from mediajobs.jobs.model import Job


def get_own_job(caller: Caller, job_id: str) -> Job:
    """Returns the caller's job. Raises NotFound, and Problem(403) for a job of another account."""
    return require_owner(caller, job_store.get(checked_id(job_id)))


def checked_id(job_id: str) -> str:
    """Returns the id. Raises NotFound, without a database read, where it cannot be a job's id."""
    if not is_job_id(job_id):
        raise NotFound("job", job_id)
    return job_id


def require_owner(caller: Caller, job: Job) -> Job:
    """Returns the job. Raises Problem(403) where it belongs to another account, or a job token opens another job."""
    if caller.job_id not in (None, job.job_id):
        raise Problem(HTTPStatus.FORBIDDEN, "This job token opens another job.")
    if job.account != caller.account:
        raise Problem(HTTPStatus.FORBIDDEN, "This job belongs to another account.")
    return job
