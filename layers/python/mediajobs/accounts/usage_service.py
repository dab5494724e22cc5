"""The usage document: the requests of a key, and the minutes, storage and quotas of its account."""

from mediajobs import clock, timestamps
from mediajobs.accounts import quota_store, schemas, usage, usage_store
from mediajobs.accounts.key_store import Caller
from mediajobs.accounts.quotas import month_of
from mediajobs.accounts.schemas import UsageDays
from mediajobs.jobs import minutes_store
from mediajobs.jobs.lifecycle import TERMINAL
from mediajobs.statistics import counter_store, counters, time_blocks
from mediajobs.statistics.schemas import storage

_DEFAULT_DAYS = 30


def read(caller: Caller, span: UsageDays) -> schemas.Usage:
    """Returns the usage document; `span` limits its days of requests."""
    now = clock.milliseconds()
    month = month_of(now)
    all_time = counters.including_deleted(counter_store.read(caller.account, 0, time_blocks.EPOCH_END - 1))
    this_month = minutes_store.read(caller.account, month.name)
    quota_status = quota_store.read(caller.account)
    stored = storage(all_time)
    return schemas.Usage(
        key_id=caller.key_id,
        account=caller.account,
        requests=schemas.requests_document(_days(caller, span, now)),
        minutes=schemas.minutes_document(this_month, month),
        storage=stored,
        limits=schemas.limits_document(caller.window),
        quotas=schemas.quotas_document(
            quota_status.quotas,
            open_jobs=_open_jobs(quota_status, all_time),
            media_ms=this_month["media_ms"],
            stored=stored.used_bytes,
        ),
    )


def _days(caller: Caller, span: UsageDays, now: int) -> list[usage.Day]:
    """Returns the days that are over, and today's counters, which the write that admitted this request returned."""
    last = timestamps.to_milliseconds(span.to_date) if span.to_date else now
    first = timestamps.to_milliseconds(span.from_date) if span.from_date else last - (_DEFAULT_DAYS - 1) * usage.DAY_MS
    first_day, last_day = usage.date_of(first), usage.date_of(last)
    over = usage_store.read(caller.key_id, first_day, last_day)
    return [*over, caller.today] if first_day <= caller.today.date <= last_day else over


def _open_jobs(quota_status: quota_store.QuotaStatus, all_time: counters.Counts) -> int:
    """Returns the exact number under a quota of concurrent jobs; without one, the number that the statistics have."""
    if quota_status.quotas.concurrent_jobs is not None:
        return quota_status.open_jobs
    return sum(number for status, number in counters.jobs_by_status(all_time).items() if status not in TERMINAL)
