"""The total of a list: how many jobs it has. It takes no call besides those of the page's documents, where the
statistics count what the list shows.

The counters lag about a second behind the jobs, or three minutes if a function died while it handled an event. So where
a page has jobs that were created in the last five minutes, the counters are read for older jobs alone and the newer
ones are counted. That needs filters on what is fixed at creation, which a status is not.
"""

from dataclasses import dataclass, replace

from mediajobs import clock
from mediajobs.aws import batch_items
from mediajobs.ids import ulid_bounds
from mediajobs.listing import index_query, page_query
from mediajobs.listing.index_plan import Filters, index_range_for
from mediajobs.listing.schemas import ListedJob
from mediajobs.statistics import counter_store, counters, time_blocks

_MAX_COUNTER_LAG = 300_000  # ms: more than the queue's visibility time-out, after which a lost event comes again


@dataclass(frozen=True)
class Total:
    """How many jobs there are; where it is not exact, at least so many."""

    number: int
    exact: bool


def total_and_documents(
    account: str, filters: Filters, page: index_query.Page, *, from_start: bool
) -> tuple[Total, list[ListedJob]]:
    """The total of the list, and the documents of the page.

    `from_start`: the page was asked for by number, not by a cursor, so that `page.passed` counts from the beginning.
    """
    total = _total_without_counters(account, filters, page, from_start=from_start)
    if total is not None:
        return total, page_query.documents(account, page.rows)
    newer, request = _newer_and_request(account, filters, page)
    progress_images, counter_images = batch_items.read(page_query.progress_request(page.rows), request)
    number = counters.jobs_of(counter_store.sums_of(counter_images), filters.statuses, filters.priority)
    # The page may show more jobs than the counters have.
    total = max(_combined(filters, number, newer), _minimum(page), key=_number)
    return total, page_query.documents_of(account, page.rows, progress_images)


def _number(total: Total) -> int:
    return total.number


def _total_without_counters(
    account: str, filters: Filters, page: index_query.Page, *, from_start: bool
) -> Total | None:
    """The total that the page shows or, where no counters match the filters, a count. None where counters have it."""
    if page.total is not None:
        return Total(page.total, exact=True)
    if page.next_position is None and from_start:
        return Total(page.passed, exact=True)
    if _has_counters(filters):
        return None
    return _minimum(page) if filters.search else max(_count(account, filters), _minimum(page), key=_number)


def _minimum(page: index_query.Page) -> Total:
    """The number of jobs that the page proves to exist."""
    return Total(page.passed + (page.next_position is not None), exact=False)


def _has_counters(filters: Filters) -> bool:
    """Whether there are counters for these filters: status, priority and time, or status and priority of a batch."""
    dated = filters.first_moment is not None or filters.last_moment is not None
    return filters.search is None and (filters.batch_id is None or not dated)


def _newer_and_request(account: str, filters: Filters, page: index_query.Page) -> tuple[Total, batch_items.BatchRead]:
    """The count of the newer jobs, and the read of the counters of the older ones."""
    cutoff = clock.milliseconds() - _MAX_COUNTER_LAG
    recent = not filters.statuses and any(row["job_id"] >= ulid_bounds(cutoff, None)[0] for row in page.rows)
    if filters.batch_id is not None:
        newer = _count(account, filters) if recent else Total(0, exact=True)
        return newer, counter_store.batch_request(account, filters.batch_id)
    first = filters.first_moment or 0
    last = time_blocks.EPOCH_END - 1 if filters.last_moment is None else filters.last_moment
    if not recent:
        return Total(0, exact=True), counter_store.blocks_request(account, first, last)
    newer = _count(account, replace(filters, first_moment=max(first, cutoff)))
    return newer, counter_store.blocks_request(account, first, min(last, cutoff - 1))


def _combined(filters: Filters, number: int, newer: Total) -> Total:
    """The total of counters and count. The counters of a batch have no times: its count is of all its jobs."""
    if filters.batch_id is None:
        return Total(number + newer.number, newer.exact)
    if newer.number and newer.exact:
        return newer
    return Total(max(number, newer.number), newer.exact)


def _count(account: str, filters: Filters) -> Total:
    return Total(*index_query.count(index_range_for(account, filters, "created_at")))
