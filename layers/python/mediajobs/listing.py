"""How jobs are listed: which index serves which wish, and what of a row the indexes carry.

Every index has the account (or the account's batch) in front and one sort key behind it, so a page is read where it
lies. A filter that no index serves is applied to what is read.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from mediajobs.jobs import Job
from mediajobs.life import Status
from mediajobs.times import of_milliseconds

_ENCODING = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # of ULIDs
_FIRST, _LAST = "0" * 16, "Z" * 16  # the random parts of the first and the last ULID of a millisecond
_NAME_BYTES = 800  # of a file name's part in a sort key
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
    def find_nothing(self) -> bool:
        """A span that ends before it begins: DynamoDB refuses to look."""
        return self.first_moment is not None and self.last_moment is not None and self.first_moment > self.last_moment


@dataclass(frozen=True)
class Plan:
    """One range of one index: `hash_name = hash_value` and `low <= range_name <= high`; then the conditions."""

    index: str
    hash_name: str
    hash_value: str
    range_name: str
    low: str | None = None
    high: str | None = None
    conditions: tuple[tuple[str, str, Any], ...] = field(default=())  # attribute, operator, value


def plans(account: str, wanted: Filters, sort_by: str) -> list[Plan]:
    """The ranges to be read side by side: several statuses, the newest or oldest jobs first, are one each."""
    if set(wanted.statuses) == set(Status):
        wanted = replace(wanted, statuses=())
    if sort_by != "created_at" or wanted.batch_id is not None or len(wanted.statuses) < 2:
        return [plan(account, wanted, sort_by)]
    return [plan(account, replace(wanted, statuses=(status,)), sort_by) for status in wanted.statuses]


def plan(account: str, wanted: Filters, sort_by: str) -> Plan:
    """The index that leaves least to be filtered."""
    index, key = SORTS[sort_by]
    conditions = _conditions(wanted)
    if sort_by != "created_at":
        return Plan(index, "account", account, key, conditions=tuple(conditions.values()))
    conditions.pop("moments", None)
    low, high = ulid_bounds(wanted.first_moment, wanted.last_moment)
    if wanted.batch_id is not None:
        conditions.pop("batch")
        return Plan(
            "by_batch", "batch", batch(account, wanted.batch_id), "job_id", low, high, tuple(conditions.values())
        )
    prefix = ""
    if len(wanted.statuses) == 1:
        conditions.pop("status")
        (index, key), prefix = SORTS["status"], f"{wanted.statuses[0]}#"
    elif wanted.priority is not None:
        conditions.pop("priority")
        (index, key), prefix = SORTS["priority"], f"{wanted.priority:02d}#"
    return Plan(index, "account", account, key, prefix + low, prefix + high, tuple(conditions.values()))


def holds(plan: Plan, row: Mapping[str, Any]) -> bool:
    """Whether a row is what the plan would find."""
    key = row.get(plan.range_name)
    if row.get(plan.hash_name) != plan.hash_value or key is None:
        return False
    if plan.low is not None and plan.high is not None and not plan.low <= key <= plan.high:
        return False
    return all(_TESTS[operator](row.get(name), value) for name, operator, value in plan.conditions)


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


def ulid_bounds(first: int | None, last: int | None) -> tuple[str, str]:
    """The first and the last ULID of a span in ms since 1970; open ends are those of all ULIDs."""
    return _ulid_time(first or 0) + _FIRST, _ulid_time((1 << 48) - 1 if last is None else last) + _LAST


def _ulid_time(moment: int) -> str:
    moment = min(max(moment, 0), (1 << 48) - 1)
    return "".join(_ENCODING[moment >> shift & 31] for shift in range(45, -1, -5))


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
