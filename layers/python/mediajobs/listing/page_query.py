"""Pages of jobs, at a cost that does not grow with their number, and the jobs in them as clients see them."""

from typing import Any

from mediajobs.aws import batch_items
from mediajobs.ids import ulid_bounds
from mediajobs.jobs.index_keys import folded
from mediajobs.jobs.lifecycle import RUNNING, Status
from mediajobs.jobs.schemas import JobBrief
from mediajobs.listing import index_query, name_index_store, name_search_query, summary_query
from mediajobs.listing.index_plan import Filters, index_range, index_ranges
from mediajobs.listing.index_query import ListedRow, Page
from mediajobs.listing.schemas import ListedJob


def page(
    account: str,
    filters: Filters,
    *,
    sort_by: str = "created_at",
    descending: bool = True,
    skip: int = 0,
    limit: int,
    place: dict[str, Any] | None = None,
) -> Page:
    """A page of the account's jobs. `place`: where an earlier one ended. It may be short and go on all the same."""
    if filters.is_empty:
        return Page([], None, 0)
    ids = name_index_store.jobs_with(account, folded(filters.search)) if filters.search else None
    if ids is None:
        return index_query.read(
            index_ranges(account, filters, sort_by), descending=descending, skip=skip, limit=limit, place=place
        )
    first, last = ulid_bounds(filters.first_moment, filters.last_moment)
    dated = {job_id for job_id in ids if first <= job_id <= last}
    wanted = index_range(account, filters, sort_by)
    return name_search_query.page_among(dated, wanted, descending=descending, skip=skip, limit=limit, place=place)


def documents(account: str, rows: list[ListedRow]) -> list[ListedJob]:
    """The rows as clients see them. Only running jobs have to be asked how far they are."""
    (images,) = batch_items.read(wanted_progress(rows))
    return documents_of(account, rows, images)


def wanted_progress(rows: list[ListedRow]) -> batch_items.BatchRead:
    """What `documents_of` needs beside the rows, to be read together with something else."""
    return summary_query.wanted(_running(rows))


def documents_of(account: str, rows: list[ListedRow], images: list[batch_items.Image]) -> list[ListedJob]:
    told = summary_query.entries(_running(rows), images, account=account)
    progress = {brief.job_id: brief.overall_progress for brief in told if isinstance(brief, JobBrief)}
    return [
        ListedJob(
            job_id=row["job_id"],
            status=row["status"],
            priority=int(row["priority"]),
            filename=row["filename"],
            duration_seconds=float(row["duration_seconds"]) if "duration_seconds" in row else None,
            batch_id=row.get("batch_id"),
            created_at=row["created_at"],
            updated_at=row["updated_at"],
            completed_at=row.get("completed_at"),
            progress=100 if row["status"] == Status.COMPLETED else progress.get(row["job_id"], 0),
        )
        for row in rows
    ]


def _running(rows: list[ListedRow]) -> list[str]:
    return [row["job_id"] for row in rows if row["status"] in RUNNING]
