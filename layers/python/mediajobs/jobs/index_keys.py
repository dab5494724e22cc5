"""The attributes that put a job's row into the indexes of lists: see `mediajobs.listing.index_plan`."""

from typing import Any

from mediajobs.jobs.model import Job

_MAX_NAME_BYTES = 800  # of the file name in a sort key; DynamoDB allows 1,024 for the whole key


def keys_of(job: Job) -> dict[str, Any]:
    """All of the attributes, for a new job."""
    duration = job.source.duration_seconds if job.source else None
    name = fold_case(job.filename)
    values: dict[str, Any] = {**moving_keys_of(job), "filename_lower": name}
    # The separator sorts before all characters, so that a name comes before the longer names that begin with it.
    values["filename_key"] = f"{_truncate(name)}\0{job.job_id}"
    values["duration_key"] = duration_key(job.job_id, duration or 0)
    if duration is not None:
        values["duration_seconds"] = duration
    if job.batch_id is not None:
        values["batch"] = batch_key(job.account, job.batch_id)
    return values


def moving_keys_of(job: Job) -> dict[str, str]:
    """The attributes that change with the status or the priority.

    Another writer may set the others at the same moment, so a change of status or priority leaves them alone.
    """
    keys = {
        "updated_key": job.updated_at,
        "completed_key": job.completed_at or "",
        "priority_key": f"{job.priority:02d}",
        "status_key": job.status.value,
    }
    return {attribute: f"{value}#{job.job_id}" for attribute, value in keys.items()}


def fold_case(name: str) -> str:
    """The name without its case, character by character, so that a part of a name stays a part of it.

    `str.lower` would not do: it writes a sigma at the end of a word as ς.
    """
    return name.casefold()


def duration_key(job_id: str, seconds: float) -> str:
    return f"{round(1000 * seconds):012d}#{job_id}"


def batch_key(account: str, batch_id: str) -> str:
    return f"{account}#{batch_id}"


def _truncate(name: str) -> str:
    return name.encode()[:_MAX_NAME_BYTES].decode(errors="ignore")
