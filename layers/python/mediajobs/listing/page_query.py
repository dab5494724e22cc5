"""A page of a list, at a cost that does not grow with the number of jobs, and its jobs as clients get them."""

from mediajobs.aws import batch_items
from mediajobs.ids import ulid_bounds
from mediajobs.jobs.index_keys import fold_case
from mediajobs.jobs.lifecycle import RUNNING, Status
from mediajobs.jobs.schemas import JobBrief
from mediajobs.listing import index_query, name_index_store, name_search_query, summary_query
from mediajobs.listing.index_plan import Filters, index_range_for, index_ranges_for
from mediajobs.listing.index_query import ListedRow, Page, Position
from mediajobs.listing.schemas import ListedJob


def page(
    account: str,
    filters: Filters,
    *,
    sort_by: str = "created_at",
    descending: bool = True,
    skip: int = 0,
    limit: int,
    position: Position | None = None,
) -> Page:
    """A page of the account's jobs. `position`: where an earlier page ended.

    A page may have fewer rows than `limit`, or none, although the list continues.
    """
    if filters.is_empty:
        return Page([], None, 0)
    ids = name_index_store.jobs_with(account, fold_case(filters.search)) if filters.search else None
    if ids is None:
        return index_query.read(
            index_ranges_for(account, filters, sort_by),
            descending=descending,
            skip=skip,
            limit=limit,
            position=position,
        )
    first, last = ulid_bounds(filters.first_moment, filters.last_moment)
    created_in_span = {job_id for job_id in ids if first <= job_id <= last}
    return name_search_query.page_among(
        created_in_span,
        index_range_for(account, filters, sort_by),
        descending=descending,
        skip=skip,
        limit=limit,
        position=position,
    )


def documents(account: str, rows: list[ListedRow]) -> list[ListedJob]:
    """The rows as clients get them. Only of running jobs the progress has to be read."""
    (images,) = batch_items.read(progress_request(rows))
    return documents_of(account, rows, images)


def progress_request(rows: list[ListedRow]) -> batch_items.BatchRead:
    """The read of what `documents_of` needs besides the rows, for a batch read with others."""
    return summary_query.request(_running(rows))


def documents_of(account: str, rows: list[ListedRow], images: list[batch_items.Image]) -> list[ListedJob]:
    briefs = summary_query.entries(_running(rows), images, account=account)
    progress = {brief.job_id: brief.overall_progress for brief in briefs if isinstance(brief, JobBrief)}
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
