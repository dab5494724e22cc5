"""The events of a job, made from the changes of its row that the table's stream reports."""

import json
from collections.abc import Mapping
from typing import Any

from mediajobs.base_model import LazyModel
from mediajobs.jobs import contribution
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job

Image = Mapping[str, Any]
_DELETED = "deleted"
_COUNTED_PLAIN = (
    *("job_id", "account", "status", "priority", "filename", "size_bytes", "source_url"),
    *("created_at", "updated_at"),
)
_COUNTED_JSON = ("source", "outputs", "processing_time")


class JobEvent(LazyModel):
    """`job.STATUS`, `job.prioritised`, `job.validated` or `job.deleted`.

    The id is the same however often the stream reports the change. The event carries what the job's owner is told of
    the change, so that nobody has to read a job that may have moved on, or be deleted, by then. `outputs`: the names of
    the outputs that were made. `counted`, of a deleted job: what it had added to the statistics, see
    `mediajobs.jobs.contribution`.
    """

    event_id: str
    job_id: str
    account: str
    status: str
    version: int
    attempt: int
    priority: int
    filename: str
    batch_id: str | None
    updated_at: str
    duration_seconds: float | None = None
    outputs: list[str] = []
    error: dict[str, Any] | None = None
    created_at: str | None = None
    counted: dict[str, int] = {}

    @property
    def name(self) -> str:
        return f"job.{self.status}"

    @property
    def is_first(self) -> bool:
        """Whether it is the first of all events of this job."""
        return self.version == 1 and self.status in (Status.PENDING, Status.QUEUED)

    @property
    def is_last(self) -> bool:
        """Whether it is the last of all events of this job: its deletion."""
        return self.status == _DELETED


def event_of(old: Image, new: Image) -> JobEvent | None:
    """The event of a change from one image of a row to the next; an image is empty where there was no row.

    None where nothing happened to the job itself: another item changed, or version, priority and source are the same.
    """
    row = new or old
    if row.get("item") != "job":
        return None
    if not new:
        counted = dict(+contribution.counts_of(_counted_job(row)))
        return _event(row, _DELETED, _DELETED).model_copy(update={"counted": counted})
    if new["version"] != old.get("version"):
        return _event(row, f"{new['version']}", new["status"])
    if new["priority"] != old["priority"]:
        # The time distinguishes this change from a later one that sets the same priority again.
        return _event(row, f"{new['version']}-p{new['priority']}-{new['updated_at']}", "prioritised")
    if new.get("source") != old.get("source"):  # its size is known now, and has to be counted
        return _event(row, f"{new['version']}-validated", "validated")
    return None


def _event(row: Image, change: str, status: str) -> JobEvent:
    return JobEvent(
        event_id=f"{row['job_id']}-{change}",
        job_id=row["job_id"],
        account=row["account"],
        status=status,
        version=int(row["version"]),
        attempt=int(row["attempt"]),
        priority=int(row["priority"]),
        filename=row["filename"],
        batch_id=row.get("batch_id"),
        updated_at=row["updated_at"],
        duration_seconds=row.get("duration_seconds"),
        outputs=[name for name, output in _parsed(row.get("outputs"), {}).items() if output.get("available")],
        error=_parsed(row.get("error"), None),
        created_at=row.get("created_at"),
    )


def _counted_job(row: Image) -> Job:
    """The job with only those attributes that the statistics count."""
    values = {name: row[name] for name in _COUNTED_PLAIN if name in row}
    return Job.model_validate(values | {name: json.loads(row[name]) for name in _COUNTED_JSON if row.get(name)})


def _parsed(text: str | None, default: Any) -> Any:
    """The value of an attribute that the row keeps as JSON text, because it is only read as a whole."""
    return json.loads(text) if text else default
