"""What an account may have, use up and store, in the account's item of the Counters table.

Concurrent jobs are exact: the ids of the open ones lie in the same item, and a job takes its place in the transaction
that creates or retries it. Minutes and bytes are read from the counters of statistics, with what deleted jobs left in
them, which the bus brings up to date a second or so late: what comes within that second may go over.
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
from mediajobs.jobs import concurrency_store
from mediajobs.jobs.lifecycle import TERMINAL, Status
from mediajobs.jobs.tables import JOB, CounterRow, JobRow
from mediajobs.listing import page_query
from mediajobs.listing.index_plan import Filters
from mediajobs.statistics import counter_store
from mediajobs.statistics.counters import including_deleted
from mediajobs.statistics.time_blocks import EPOCH_END

OPEN = tuple(status for status in Status if status not in TERMINAL)
_PAGE = 500
_PAGES = 1 + accounts_quotas.LARGEST_CONCURRENCY // _PAGE  # more would fit no quota


@dataclass(frozen=True)
class QuotaStatus:
    """An account's quotas, and how many jobs have a place under that of concurrent ones."""

    quotas: Quotas
    open_jobs: int


def read(account: str) -> QuotaStatus:
    """One call."""
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

    `announced`: the bytes that will be stored; None where nothing new will be. Gives the quota of concurrent jobs, for
    the transaction that takes the place. One read for an account without quotas.
    """
    standing, moment = read(account), clock.milliseconds()
    accounts_quotas.check_concurrency(standing.quotas, standing.open_jobs)
    if standing.quotas.minutes_per_month is not None:
        month = accounts_quotas.month_of(moment)
        this_month = including_deleted(counter_store.read(account, month.first, month.last))
        accounts_quotas.check_minutes(standing.quotas, this_month, moment)
    if standing.quotas.stored_bytes is not None and announced is not None:
        ever = including_deleted(counter_store.read(account, 0, EPOCH_END - 1))
        accounts_quotas.check_bytes(standing.quotas, ever["source_bytes"] + ever["output_bytes"], announced)
    return standing.quotas.concurrent_jobs


def change(account: str, limits: Mapping[str, int]) -> None:
    """Sets what is given, by name; 0 is no limit.

    Jobs that are open already are counted in a new quota of concurrent jobs. One that is being created in this very
    moment may be missed until it ends; setting the quota again counts again.
    """
    attributes = CounterRow.get_attributes()
    actions: list[Action] = [
        attributes[name].set(limit) if limit else attributes[name].remove() for name, limit in limits.items()
    ]
    retry_conflicts(lambda: concurrency_store.item_of(account).update(actions))
    if limits.get("concurrent_jobs"):
        _count_open(account)


def _count_open(account: str) -> None:
    """In the order of life, so that a job which goes on meanwhile is met again."""
    for status in OPEN:
        place = None
        for _ in range(_PAGES):
            page = page_query.page(account, Filters(statuses=(status,)), descending=False, limit=_PAGE, place=place)
            for row in page.rows:
                _count(account, str(row["job_id"]))
            place = page.next_position
            if place is None:
                break


def _count(account: str, job_id: str) -> None:
    """Counts a job as open on the condition that it has not ended: an ended one would never be taken out again."""

    def write() -> None:
        with TransactWrite(connection=connection()) as transaction:
            transaction.condition_check(JobRow, job_id, JOB, condition=JobRow.status.is_in(*OPEN))
            transaction.update(concurrency_store.item_of(account), [CounterRow.open.add({job_id})])

    write_if_allowed(write)
