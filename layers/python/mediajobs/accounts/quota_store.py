"""Quotas of accounts, in the account's item of the Counters table.

Concurrent jobs are exact: the ids of the open jobs are in the same item, and the transaction that creates or retries a
job adds its id. Minutes are exact too: see `mediajobs.jobs.minutes_store`. Bytes are read from the counters of
statistics, those of deleted jobs included. The events on the bus update these counters about a second late, so requests
within that second may exceed the quota.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from mediajobs import clock
from mediajobs.accounts import quotas as accounts_quotas
from mediajobs.accounts.quotas import Quotas
from mediajobs.aws.conditional_writes import retry_conflicts, write_if_allowed
from mediajobs.aws.dynamodb import connection
from mediajobs.jobs import concurrency_store, minutes_store
from mediajobs.jobs.lifecycle import TERMINAL, Status
from mediajobs.jobs.tables import JOB, CounterRow, JobRow
from mediajobs.listing import page_query
from mediajobs.listing.index_plan import Filters
from mediajobs.statistics import counter_store
from mediajobs.statistics.counters import including_deleted
from mediajobs.statistics.time_blocks import EPOCH_END

OPEN = tuple(status for status in Status if status not in TERMINAL)
_PAGE = 500
_PAGES = 1 + accounts_quotas.MAX_CONCURRENT_JOBS // _PAGE  # the largest quota needs no more


@dataclass(frozen=True)
class QuotaStatus:
    """The quotas of an account, and the number of jobs that count under its quota of concurrent jobs."""

    quotas: Quotas
    open_jobs: int


def read(account: str) -> QuotaStatus:
    """Returns the quotas of an account, in one call."""
    row = concurrency_store.item_of(account)
    try:
        row.refresh()
    except DoesNotExist:
        return QuotaStatus(Quotas(), 0)
    limits = {name: getattr(row, name) for name in Quotas.__annotations__}
    return QuotaStatus(
        Quotas(**{name: int(limit) for name, limit in limits.items() if limit is not None}), len(row.open or ())
    )


def check(account: str, *, announced: int | None = None) -> int | None:
    """Raises QuotaExceeded where the account may not begin another job.

    `announced`: the bytes that will be stored; None where nothing new will be. Returns the quota of concurrent jobs,
    for the transaction that adds the job. An account without quotas costs one read.
    """
    status, now = read(account), clock.milliseconds()
    accounts_quotas.check_concurrency(status.quotas, status.open_jobs)
    if status.quotas.minutes_per_month is not None:
        this_month = minutes_store.read(account, accounts_quotas.month_of(now).name)
        accounts_quotas.check_minutes(status.quotas, this_month, now)
    if announced is not None:
        _check_stored(account, status.quotas, announced)
    return status.quotas.concurrent_jobs


def check_stored(account: str, size: int, *, job_id: str | None = None) -> None:
    """Raises QuotaExceeded where `size` more bytes do not fit.

    `job_id`: the job that they are of, where they may be counted already.
    """
    _check_stored(account, read(account).quotas, size, job_id)


def _check_stored(account: str, quotas: Quotas, size: int, job_id: str | None = None) -> None:
    if quotas.stored_bytes is None:
        return
    all_time = including_deleted(counter_store.read(account, 0, EPOCH_END - 1))
    counted = counter_store.counts_of_job(job_id)["source_bytes"] if job_id else 0
    accounts_quotas.check_bytes(quotas, all_time["source_bytes"] + all_time["output_bytes"] - counted, size)


def change(account: str, limits: Mapping[str, int]) -> None:
    """Sets limits by name; 0 removes a limit.

    A new quota of concurrent jobs counts the jobs that are open already. A job that is created at the same moment may
    be missed until it ends; setting the quota again counts again.
    """
    attributes = CounterRow.get_attributes()
    actions: list[Action] = [
        attributes[name].set(limit) if limit else attributes[name].remove() for name, limit in limits.items()
    ]
    retry_conflicts(lambda: concurrency_store.item_of(account).update(actions))
    if limits.get("concurrent_jobs"):
        _count_open(account)


def _count_open(account: str) -> None:
    """Goes through the statuses in the order of a job's life, so that a job that moves on meanwhile is not missed."""
    for status in OPEN:
        position = None
        for _ in range(_PAGES):
            page = page_query.page(
                account, Filters(statuses=(status,)), descending=False, limit=_PAGE, position=position
            )
            for row in page.rows:
                _count(account, str(row["job_id"]))
            position = page.next_position
            if position is None:
                break


def _count(account: str, job_id: str) -> None:
    """Counts a job as open on the condition that it has not ended: an ended one would never be taken out again."""

    def write() -> None:
        with TransactWrite(connection=connection()) as transaction:
            transaction.condition_check(JobRow, job_id, JOB, condition=JobRow.status.is_in(*OPEN))
            transaction.update(concurrency_store.item_of(account), [CounterRow.open.add({job_id})])

    write_if_allowed(write)
