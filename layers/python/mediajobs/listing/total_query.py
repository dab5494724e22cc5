"""How many jobs a list has in all, wherever somebody counts them: at no further call than the page's documents take.

The counters follow the jobs a second or so later, or three minutes if a function died with the news. So where a page
shows that jobs were created in the last five, and its filters are settled at creation (a status is not), the counters
are asked for what is older and the rest is counted.
"""

from dataclasses import dataclass, replace

from mediajobs import clock
from mediajobs.aws import batch_items
from mediajobs.ids import ulid_bounds
from mediajobs.listing import index_query, page_query
from mediajobs.listing.index_plan import Filters, index_range
from mediajobs.listing.schemas import ListedJob
from mediajobs.statistics import counter_store, time_blocks
from mediajobs.statistics import counters as statistics_counters

_COUNTERS_ARE_LATE = 300_000  # ms: more than the queue's visibility timeout, after which lost news come again


@dataclass(frozen=True)
class Total:
    """At least so many jobs; just as many where it is exact."""

    number: int
    exact: bool


def total_and_documents(
    account: str, filters: Filters, page: index_query.Page, *, from_start: bool
) -> tuple[Total, list[ListedJob]]:
    """The total, and the page's documents. `from_start`: the page came by its number, so it knows what it passed."""
    known = _known(page, from_start=from_start)
    if known is None and not _is_counted(filters):
        known = _least(page) if filters.search else max(_counted(account, filters), _least(page), key=_number)
    if known is not None:
        return known, page_query.documents(account, page.rows)
    newer, counters = _shares(account, filters, page)
    progress, counted = batch_items.read(page_query.wanted_progress(page.rows), counters)
    number = statistics_counters.jobs_of(counter_store.sums(counted), filters.statuses, filters.priority)
    # Counters that are behind the page itself are no total.
    total = max(_joined(filters, number, newer), _least(page), key=_number)
    return total, page_query.documents_of(account, page.rows, progress)


def _number(total: Total) -> int:
    return total.number


def _known(page: index_query.Page, *, from_start: bool) -> Total | None:
    """What the page itself knows."""
    if page.total is not None:
        return Total(page.total, exact=True)
    return Total(page.passed, exact=True) if page.next_position is None and from_start else None


def _least(page: index_query.Page) -> Total:
    """As many as the page shows that there are."""
    return Total(page.passed + (page.next_position is not None), exact=False)


def _is_counted(filters: Filters) -> bool:
    """Any status, priority and time; or any status and priority of a batch."""
    dated = filters.first_moment is not None or filters.last_moment is not None
    return filters.search is None and (filters.batch_id is None or not dated)


def _shares(account: str, filters: Filters, page: index_query.Page) -> tuple[Total, batch_items.BatchRead]:
    """What is counted here and now, and the counters of the rest."""
    cutoff = clock.milliseconds() - _COUNTERS_ARE_LATE
    recent = not filters.statuses and any(row["job_id"] >= ulid_bounds(cutoff, None)[0] for row in page.rows)
    if filters.batch_id is not None:
        newer = _counted(account, filters) if recent else Total(0, exact=True)
        return newer, counter_store.wanted_of_batch(account, filters.batch_id)
    first = filters.first_moment or 0
    last = time_blocks.EPOCH_END - 1 if filters.last_moment is None else filters.last_moment
    if not recent:
        return Total(0, exact=True), counter_store.wanted(account, first, last)
    newer = _counted(account, replace(filters, first_moment=max(first, cutoff)))
    return newer, counter_store.wanted(account, first, min(last, cutoff - 1))


def _joined(filters: Filters, number: int, newer: Total) -> Total:
    """A batch's counters know no times: one with new jobs was counted as a whole."""
    if filters.batch_id is None:
        return Total(number + newer.number, newer.exact)
    if newer.number and newer.exact:
        return newer
    return Total(max(number, newer.number), newer.exact)


def _counted(account: str, filters: Filters) -> Total:
    return Total(*index_query.count(index_range(account, filters, "created_at")))
