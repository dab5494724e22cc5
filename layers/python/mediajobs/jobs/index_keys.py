"""The attributes that put a job's row into the indexes of lists."""

from typing import Any

from mediajobs.jobs.model import Job

_NAME_BYTES = 800  # of a file name's part in a sort key


def keys_of(job: Job) -> dict[str, Any]:
    """The attributes that put a job's row into the indexes."""
    duration = job.source.duration_seconds if job.source else None
    name = folded(job.filename)
    values: dict[str, Any] = {**moving_keys_of(job), "filename_lower": name}
    values["filename_key"] = f"{_cut(name)}\0{job.job_id}"  # below all characters: a name is before its longer ones
    values["duration_key"] = duration_key(job.job_id, duration or 0)
    if duration is not None:
        values["duration_seconds"] = duration
    if job.batch_id is not None:
        values["batch"] = batch(job.account, job.batch_id)
    return values


def moving_keys_of(job: Job) -> dict[str, str]:
    """Those of them that a change of status or priority moves: the rest is others' to write, at the same moment."""
    keys = {
        "updated_key": job.updated_at,
        "completed_key": job.completed_at or "",
        "priority_key": f"{job.priority:02d}",
        "status_key": job.status.value,
    }
    return {attribute: f"{value}#{job.job_id}" for attribute, value in keys.items()}


def folded(name: str) -> str:
    """A name without its case, character by character: what is a part of it stays one (`lower` has a final ς)."""
    return name.casefold()


def _cut(name: str) -> str:
    """As much of a name as a sort key takes, which may have 1,024 bytes."""
    return name.encode()[:_NAME_BYTES].decode(errors="ignore")


def duration_key(job_id: str, seconds: float) -> str:
    return f"{round(1000 * seconds):012d}#{job_id}"


def batch(account: str, batch_id: str) -> str:
    return f"{account}#{batch_id}"
