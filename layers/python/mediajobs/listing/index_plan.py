"""How jobs are listed: which index serves which wish, and what of a row the indexes carry.

Every index has the account (or the account's batch) in front and one sort key behind it, so a page is read where it
lies. A filter that no index serves is applied to what is read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mediajobs.ids import ulid_bounds
from mediajobs.jobs.index_keys import batch, folded
from mediajobs.jobs.lifecycle import Status
from mediajobs.timestamps import of_milliseconds

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
    "=": lambda there, wanted: bool(there == wanted),
    "in": lambda there, wanted: there in wanted,
    "contains": lambda there, wanted: there is not None and wanted in there,
    "between": lambda there, wanted: there is not None and wanted[0] <= there <= wanted[1],
}


@dataclass(frozen=True)
class Filters:
    """What a listed job must be; None asks for nothing. Times are RFC 3339 with milliseconds, both ends included."""

    statuses: tuple[Status, ...] = ()
    priority: int | None = None
    batch_id: str | None = None
    search: str | None = None
    first_moment: int | None = None  # ms since 1970
    last_moment: int | None = None

    @property
    def is_empty(self) -> bool:
        """A span that ends before it begins: DynamoDB refuses to look."""
        return self.first_moment is not None and self.last_moment is not None and self.first_moment > self.last_moment


@dataclass(frozen=True)
class IndexRange:
    """One range of one index: `hash_name = hash_value` and `low <= range_name <= high`; then the conditions."""

    index: str
    hash_name: str
    hash_value: str
    range_name: str
    low: str | None = None
    high: str | None = None
    conditions: tuple[tuple[str, str, Any], ...] = field(default=())  # attribute, operator, value


def index_ranges(account: str, wanted: Filters, sort_by: str) -> list[IndexRange]:
    """The ranges to be read side by side: several statuses, the newest or oldest jobs first, are one each."""
    if set(wanted.statuses) == set(Status):
        wanted = replace(wanted, statuses=())
    if sort_by != "created_at" or wanted.batch_id is not None or len(wanted.statuses) < 2:
        return [index_range(account, wanted, sort_by)]
    return [index_range(account, replace(wanted, statuses=(status,)), sort_by) for status in wanted.statuses]


def index_range(account: str, wanted: Filters, sort_by: str) -> IndexRange:
    """The index that leaves least to be filtered."""
    index, key = SORTS[sort_by]
    conditions = _conditions(wanted)
    if sort_by != "created_at":
        return IndexRange(index, "account", account, key, conditions=tuple(conditions.values()))
    conditions.pop("moments", None)
    low, high = ulid_bounds(wanted.first_moment, wanted.last_moment)
    if wanted.batch_id is not None:
        conditions.pop("batch")
        return IndexRange(
            "by_batch", "batch", batch(account, wanted.batch_id), "job_id", low, high, tuple(conditions.values())
        )
    prefix = ""
    if len(wanted.statuses) == 1:
        conditions.pop("status")
        (index, key), prefix = SORTS["status"], f"{wanted.statuses[0]}#"
    elif wanted.priority is not None:
        conditions.pop("priority")
        (index, key), prefix = SORTS["priority"], f"{wanted.priority:02d}#"
    return IndexRange(index, "account", account, key, prefix + low, prefix + high, tuple(conditions.values()))


def matches(plan: IndexRange, row: Mapping[str, Any]) -> bool:
    """Whether a row is what the plan would find."""
    key = row.get(plan.range_name)
    if row.get(plan.hash_name) != plan.hash_value or key is None:
        return False
    if plan.low is not None and plan.high is not None and not plan.low <= key <= plan.high:
        return False
    return all(_TESTS[operator](row.get(name), value) for name, operator, value in plan.conditions)


def _times(first: int | None, last: int | None) -> tuple[str, str]:
    """The span as created_at is written; beyond the years that can be written, as text before or after all of them."""
    return (
        "" if first is None else of_milliseconds(first) or ("" if first < 0 else ":"),
        ":" if last is None else of_milliseconds(last) or ("" if last < 0 else ":"),
    )


def _conditions(wanted: Filters) -> dict[str, tuple[str, str, Any]]:
    conditions: dict[str, tuple[str, str, Any]] = {}
    if wanted.statuses:
        conditions["status"] = ("status", "in", [status.value for status in wanted.statuses])
    if wanted.priority is not None:
        conditions["priority"] = ("priority", "=", wanted.priority)
    if wanted.batch_id is not None:
        conditions["batch"] = ("batch_id", "=", wanted.batch_id)
    if wanted.search:
        conditions["search"] = ("filename_lower", "contains", folded(wanted.search))
    if wanted.first_moment is not None or wanted.last_moment is not None:
        conditions["moments"] = ("created_at", "between", _times(wanted.first_moment, wanted.last_moment))
    return conditions
