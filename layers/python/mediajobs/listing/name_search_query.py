"""A page of the few jobs that have a rare word in their name: looked up one by one, then filtered and sorted here.

The order and the places are those of the indexes, so a list may go on there when its word is rare no more, and back.
"""

from collections.abc import Collection
from typing import Any

from mediajobs.aws import batch_items
from mediajobs.aws.dynamodb import from_item
from mediajobs.jobs.tables import JOB
from mediajobs.listing import name_index
from mediajobs.listing.index_plan import SORTS, IndexRange, matches
from mediajobs.listing.index_query import ListedRow, Page, cursor_at
from mediajobs.settings import setting

_SHOWN = (
    *("job_id", "item", "account", "status", "priority", "filename", "filename_lower", "batch_id", "duration_seconds"),
    *("created_at", "updated_at", "completed_at"),
)


def page_among(
    ids: Collection[str], plan: IndexRange, *, descending: bool, skip: int, limit: int, place: dict[str, Any] | None
) -> Page:
    """The same as reading the plan's index, of these jobs alone."""
    rows = None if _ids_decide(plan) else {row[plan.range_name]: row for row in _rows(plan, ids)}
    keys = sorted(ids if rows is None else rows, reverse=descending)
    left = keys if place is None else _beyond(place[plan.range_name]["S"], keys, descending=descending)
    shown = left[skip : skip + limit]
    more = len(left) > skip + limit
    return Page(
        rows=_in_order(_rows(plan, shown), shown) if rows is None else [rows[key] for key in shown],
        next_position=cursor_at(plan, shown[-1]) if more else None,
        passed=len(keys) - len(left) + skip + len(shown),
        total=len(keys),
    )


def _ids_decide(plan: IndexRange) -> bool:
    """Whether order and filters need no more than the ids, so that only the page's own rows have to be looked up."""
    if plan.index != SORTS["created_at"][0] or len(plan.conditions) != 1:
        return False
    word = str(plan.conditions[0][2])
    return name_index.beginning(word) == word


def _rows(plan: IndexRange, ids: Collection[str]) -> list[ListedRow]:
    """Those of them that are still there, and are what the plan wants."""
    wanted = batch_items.BatchRead(
        setting("JOBS_TABLE"),
        [{"job_id": {"S": job_id}, "item": {"S": JOB}} for job_id in ids],
        tuple(dict.fromkeys((*_SHOWN, plan.hash_name, plan.range_name))),
        consistent=True,
    )
    (images,) = batch_items.read(wanted)
    return [row for row in map(from_item, images) if matches(plan, row)]


def _in_order(rows: list[ListedRow], ids: list[str]) -> list[ListedRow]:
    by_id = {row["job_id"]: row for row in rows}
    return [by_id[job_id] for job_id in ids if job_id in by_id]


def _beyond(last: str, keys: list[str], *, descending: bool) -> list[str]:
    return [key for key in keys if (key < last if descending else key > last)]
