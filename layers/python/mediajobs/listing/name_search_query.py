"""A page of the few jobs that have a rare word in their name: looked up one by one, then filtered and sorted here.

Order and positions are those of the indexes, so that a list can continue there when its word is no longer rare, and
the other way round.
"""

from collections.abc import Collection

from mediajobs.aws import batch_items
from mediajobs.aws.dynamodb import from_item
from mediajobs.jobs.tables import JOB
from mediajobs.listing import name_index
from mediajobs.listing.index_plan import SORTS, IndexRange, matches
from mediajobs.listing.index_query import ListedRow, Page, Position, position_after
from mediajobs.settings import setting

_SHOWN = (
    *("job_id", "item", "account", "status", "priority", "filename", "filename_lower", "batch_id", "duration_seconds"),
    *("created_at", "updated_at", "completed_at"),
)


def page_among(
    ids: Collection[str], index_range: IndexRange, *, descending: bool, skip: int, limit: int, position: Position | None
) -> Page:
    """The page that reading the range would give, if there were only these jobs."""
    sort_name = index_range.range_name
    rows = None if _ids_decide(index_range) else {row[sort_name]: row for row in _rows(index_range, ids)}
    keys = sorted(ids if rows is None else rows, reverse=descending)
    remaining = keys if position is None else _keys_after(position[sort_name]["S"], keys, descending=descending)
    shown = remaining[skip : skip + limit]
    has_more = len(remaining) > skip + limit
    return Page(
        rows=_in_order(_rows(index_range, shown), shown) if rows is None else [rows[key] for key in shown],
        next_position=position_after(index_range, shown[-1]) if has_more else None,
        passed=len(keys) - len(remaining) + skip + len(shown),
        total=len(keys),
    )


def _ids_decide(index_range: IndexRange) -> bool:
    """Whether the ids are enough for order and filters, so that only the rows of the page have to be looked up."""
    if index_range.index != SORTS["created_at"][0] or len(index_range.conditions) != 1:
        return False
    word = str(index_range.conditions[0][2])
    return name_index.truncate(word) == word


def _rows(index_range: IndexRange, ids: Collection[str]) -> list[ListedRow]:
    """The rows of those jobs that still exist and match the range."""
    request = batch_items.BatchRead(
        setting("JOBS_TABLE"),
        [{"job_id": {"S": job_id}, "item": {"S": JOB}} for job_id in ids],
        tuple(dict.fromkeys((*_SHOWN, index_range.hash_name, index_range.range_name))),
        consistent=True,
    )
    (images,) = batch_items.read(request)
    return [row for row in map(from_item, images) if matches(index_range, row)]


def _in_order(rows: list[ListedRow], ids: list[str]) -> list[ListedRow]:
    by_id = {row["job_id"]: row for row in rows}
    return [by_id[job_id] for job_id in ids if job_id in by_id]


def _keys_after(last: str, keys: list[str], *, descending: bool) -> list[str]:
    return [key for key in keys if (key < last if descending else key > last)]
