"""Which index of the jobs table serves a list, for its filters and its order.

The hash key of every index is the account (or the account's batch), its range key is one sort key, so that a page is
read from where it begins. A filter that no index serves is applied to the rows that are read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mediajobs.ids import ulid_bounds
from mediajobs.jobs.index_keys import batch_key, fold_case
from mediajobs.jobs.lifecycle import Status
from mediajobs.timestamps import from_milliseconds

# What a list is sorted by -> its index, and the range key of the index.
SORTS = {
    "created_at": ("by_created", "job_id"),
    "updated_at": ("by_updated", "updated_key"),
    "completed_at": ("by_completed", "completed_key"),
    "priority": ("by_priority", "priority_key"),
    "filename": ("by_filename", "filename_key"),
    "duration_seconds": ("by_duration", "duration_key"),
    "status": ("by_status", "status_key"),
}
_TESTS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda actual, value: bool(actual == value),
    "in": lambda actual, value: actual in value,
    "contains": lambda actual, value: actual is not None and value in actual,
    "between": lambda actual, value: actual is not None and value[0] <= actual <= value[1],
}


@dataclass(frozen=True)
class Filters:
    """What a listed job has to match; None, or no status, means any. Both ends of a span of time are included."""

    statuses: tuple[Status, ...] = ()
    priority: int | None = None
    batch_id: str | None = None
    search: str | None = None
    first_moment: int | None = None  # ms since 1970
    last_moment: int | None = None

    @property
    def is_empty(self) -> bool:
        """Whether the span ends before it begins, so that no job matches: DynamoDB refuses such a query."""
        return self.first_moment is not None and self.last_moment is not None and self.first_moment > self.last_moment


@dataclass(frozen=True)
class IndexRange:
    """One range of one index: `hash_name = hash_value` and `low <= range_name <= high`.

    `conditions` (attribute, operator, value) filter the rows of the range.
    """

    index: str
    hash_name: str
    hash_value: str
    range_name: str
    low: str | None = None
    high: str | None = None
    conditions: tuple[tuple[str, str, Any], ...] = field(default=())


def index_ranges_for(account: str, filters: Filters, sort_by: str) -> list[IndexRange]:
    """The ranges that have to be read and merged: one for each status where a list by creation time has several."""
    if set(filters.statuses) == set(Status):
        filters = replace(filters, statuses=())
    if sort_by != "created_at" or filters.batch_id is not None or len(filters.statuses) < 2:
        return [index_range_for(account, filters, sort_by)]
    return [index_range_for(account, replace(filters, statuses=(status,)), sort_by) for status in filters.statuses]


def index_range_for(account: str, filters: Filters, sort_by: str) -> IndexRange:
    """The range of the index that leaves the least to be filtered."""
    index, key = SORTS[sort_by]
    conditions = _conditions(filters)
    if sort_by != "created_at":
        return IndexRange(index, "account", account, key, conditions=tuple(conditions.values()))
    conditions.pop("moments", None)
    low, high = ulid_bounds(filters.first_moment, filters.last_moment)
    if filters.batch_id is not None:
        conditions.pop("batch")
        return IndexRange(
            "by_batch", "batch", batch_key(account, filters.batch_id), "job_id", low, high, tuple(conditions.values())
        )
    prefix = ""
    if len(filters.statuses) == 1:
        conditions.pop("status")
        (index, key), prefix = SORTS["status"], f"{filters.statuses[0]}#"
    elif filters.priority is not None:
        conditions.pop("priority")
        (index, key), prefix = SORTS["priority"], f"{filters.priority:02d}#"
    return IndexRange(index, "account", account, key, prefix + low, prefix + high, tuple(conditions.values()))


def matches(index_range: IndexRange, row: Mapping[str, Any]) -> bool:
    """Whether reading the range would give this row."""
    key = row.get(index_range.range_name)
    if row.get(index_range.hash_name) != index_range.hash_value or key is None:
        return False
    if index_range.low is not None and index_range.high is not None and not index_range.low <= key <= index_range.high:
        return False
    return all(_TESTS[operator](row.get(name), value) for name, operator, value in index_range.conditions)


def _times(first: int | None, last: int | None) -> tuple[str, str]:
    """The span as text that compares with `created_at`.

    Times beyond the years that RFC 3339 can express become text that sorts before, or after, all others.
    """
    return (
        "" if first is None else from_milliseconds(first) or ("" if first < 0 else ":"),
        ":" if last is None else from_milliseconds(last) or ("" if last < 0 else ":"),
    )


def _conditions(filters: Filters) -> dict[str, tuple[str, str, Any]]:
    conditions: dict[str, tuple[str, str, Any]] = {}
    if filters.statuses:
        conditions["status"] = ("status", "in", [status.value for status in filters.statuses])
    if filters.priority is not None:
        conditions["priority"] = ("priority", "=", filters.priority)
    if filters.batch_id is not None:
        conditions["batch"] = ("batch_id", "=", filters.batch_id)
    if filters.search:
        conditions["search"] = ("filename_lower", "contains", fold_case(filters.search))
    if filters.first_moment is not None or filters.last_moment is not None:
        conditions["moments"] = ("created_at", "between", _times(filters.first_moment, filters.last_moment))
    return conditions
