"""Quotas of an account: concurrent jobs, minutes of media in a month, and stored bytes."""

from dataclasses import dataclass
from datetime import UTC, datetime

from mediajobs.errors import QuotaExceeded, concurrency_quota_exceeded, minutes_quota_exceeded
from mediajobs.statistics.counters import Counts
from mediajobs.timestamps import to_milliseconds

MAX_CONCURRENT_JOBS = 5000  # the ids of an account's open jobs are in one item


@dataclass(frozen=True)
class Quotas:
    """The limits of an account; None is unlimited."""

    concurrent_jobs: int | None = None
    minutes_per_month: int | None = None
    stored_bytes: int | None = None


@dataclass(frozen=True)
class Month:
    """A calendar month in UTC: its name, as `2026-11`, and its first and last moment in ms since 1970."""

    name: str
    first: int
    last: int

    def seconds_left(self, moment: int) -> int:
        return -((moment - self.last - 1) // 1000)


def month_of(moment: int) -> Month:
    """Returns the month of a moment in ms since 1970."""
    utc = datetime.fromtimestamp(moment / 1000, UTC)
    first = utc.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    after = first.replace(year=first.year + first.month // 12, month=first.month % 12 + 1)
    return Month(f"{first:%Y-%m}", to_milliseconds(first), to_milliseconds(after) - 1)


def check_concurrency(quotas: Quotas, open_jobs: int) -> None:
    """Raises QuotaExceeded where the account may not have one more open job."""
    limit = quotas.concurrent_jobs
    if limit is not None and open_jobs >= limit:
        raise concurrency_quota_exceeded(limit)


def check_minutes(quotas: Quotas, this_month: Counts, moment: int) -> None:
    """Raises QuotaExceeded where the minutes of the month of `moment` (ms since 1970) are used up."""
    limit = quotas.minutes_per_month
    if limit is None or this_month.get("media_ms", 0) < limit * 60_000:
        return
    month = month_of(moment)
    raise minutes_quota_exceeded(limit, month.name, retry_after=month.seconds_left(moment))


def check_bytes(quotas: Quotas, stored: int, announced: int) -> None:
    """Raises QuotaExceeded where `stored` and `announced` bytes together are too many."""
    limit = quotas.stored_bytes
    if limit is None or (stored + announced <= limit and stored < limit):
        return
    raise QuotaExceeded(
        f"This account may store {limit} bytes, and has {stored}"
        + (f"; {announced} more do not fit" if announced else "")
        + ". Delete jobs that are done with: DELETE /jobs/{job_id} removes their sources and outputs.",
        policy="stored-bytes",
        retry_after=None,
    )
