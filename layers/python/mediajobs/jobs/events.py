"""What a change of a job's row means to the rest of the system."""

import json
from collections.abc import Mapping
from typing import Any

from mediajobs.base_model import LazyModel
from mediajobs.jobs import contribution
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job

Image = Mapping[str, Any]
_DELETED = "deleted"


class JobEvent(LazyModel):
    """`job.STATUS`, `job.prioritised`, `job.validated` or `job.deleted`.

    The id is the same however often the change is told. It carries what the job's owner is told of the change
    (`outputs`: the names of those that were made), so that telling it needs no look at a job that may have moved on, or
    be gone; of a deleted job also what it had added to the statistics (`counted`, see mediajobs.tallies).
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
        """Of all events of this job."""
        return self.version == 1 and self.status in (Status.PENDING, Status.QUEUED)

    @property
    def is_last(self) -> bool:
        return self.status == _DELETED


def event_of(old: Image, new: Image) -> JobEvent | None:
    """The event of a change from one image of a row to the next, each empty where there was no row.

    None where nothing happened to the job itself: another item, or the same version, priority and source of it.
    """
    row = new or old
    if row.get("item") != "job":
        return None
    if not new:
        return _told(row, _DELETED, _DELETED).model_copy(update={"counted": dict(+contribution.counts_of(_job(row)))})
    if new["version"] != old.get("version"):
        return _told(row, f"{new['version']}", new["status"])
    if new["priority"] != old["priority"]:
        # The moment tells a change from a later one back to the same priority.
        return _told(row, f"{new['version']}-p{new['priority']}-{new['updated_at']}", "prioritised")
    if new.get("source") != old.get("source"):  # its bytes are known now, and are to be counted
        return _told(row, f"{new['version']}-validated", "validated")
    return None


def _told(row: Image, change: str, status: str) -> JobEvent:
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
        outputs=[name for name, output in _read(row.get("outputs"), {}).items() if output.get("available")],
        error=_read(row.get("error"), None),
        created_at=row.get("created_at"),
    )


def _job(row: Image) -> Job:
    """As far as it counts."""
    names = (
        "job_id",
        "account",
        "status",
        "priority",
        "filename",
        "size_bytes",
        "source_url",
        "created_at",
        "updated_at",
    )
    read = {name: json.loads(row[name]) for name in ("source", "outputs", "processing_time") if row.get(name)}
    return Job.model_validate({name: row[name] for name in names if name in row} | read)


def _read(text: str | None, otherwise: Any) -> Any:
    """A row keeps as JSON what is only read whole."""
    return json.loads(text) if text else otherwise
