"""What a change of a job's row means to the rest of the system."""

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

Image = Mapping[str, Any]


class JobEvent(BaseModel):
    """`job.STATUS`, or `job.deleted`. The id is the same however often the change is told."""

    event_id: str
    job_id: str
    account: str
    status: str
    attempt: int
    priority: int
    updated_at: str

    @property
    def name(self) -> str:
        return f"job.{self.status}"


def event_of(old: Image, new: Image) -> JobEvent | None:
    """The event of a change from one image of a row to the next, each empty where there was no row.

    None where nothing happened to the job itself: another item, or the same version of it.
    """
    row = new or old
    if row.get("item") != "job" or new.get("version") == old.get("version"):
        return None
    return JobEvent(
        event_id=f"{row['job_id']}-{new['version'] if new else 'deleted'}",
        job_id=row["job_id"],
        account=row["account"],
        status=new["status"] if new else "deleted",
        attempt=int(row["attempt"]),
        priority=int(row["priority"]),
        updated_at=row["updated_at"],
    )
