"""A batch: its counts, its progress and the jobs of a page.

It takes three reads besides the page, however many jobs the batch has.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mediajobs.aws import batch_items
from mediajobs.jobs import concurrency_store
from mediajobs.jobs.lifecycle import RUNNING, Status
from mediajobs.jobs.model import Job
from mediajobs.jobs.presenter import job_brief, time_left, total_time
from mediajobs.jobs.progress import Progress
from mediajobs.listing import batch_progress, index_query, page_query, summary_query
from mediajobs.listing.batch_progress import Estimate
from mediajobs.listing.index_plan import Filters
from mediajobs.listing.schemas import ListedJob
from mediajobs.settings import setting
from mediajobs.statistics import counter_store, counters

_MAX_RUNNING = 50  # of the account's running jobs are read: a hundred items, one call
_MAX_COUNTED = 500  # one call
_Running = Sequence[tuple[Job, Progress | None]]


@dataclass(frozen=True)
class Batch:
    """`left`: the estimate in seconds until it is done, None where there is none.

    `counts` lag about a second behind the jobs, unless the page shows all jobs of the batch.
    """

    counts: dict[Status, int]
    overall_progress: int
    left: Estimate | None
    jobs: list[ListedJob]


def read(account: str, batch_id: str, page: index_query.Page, *, from_start: bool) -> Batch:
    """The batch, given a page of its jobs.

    `from_start`: the page was asked for by number, not by a cursor, so that `page.passed` counts from the beginning.
    """
    counter_images, running_images = batch_items.read(
        counter_store.batch_request(account, batch_id), concurrency_store.running_request(account)
    )
    sums = counter_store.sums_of(counter_images)
    shown = [row["job_id"] for row in page.rows if row["status"] in RUNNING]
    others = sorted(concurrency_store.running_of(running_images) - set(shown))[:_MAX_RUNNING]
    (images,) = batch_items.read(summary_query.request([*shown, *others], extra=("batch_id", "source", "rates")))
    running = [(job, progress) for job, progress in summary_query.jobs_of(images) if _runs(job, account, batch_id)]
    counts = _counts(sums, page, from_start=from_start) or _counts_of_first_page(account, batch_id)
    return Batch(
        counts=counts,
        overall_progress=batch_progress.overall_progress(
            counts, [job_brief(job, progress).overall_progress for job, progress in running]
        ),
        left=_left(sums, counts, running),
        jobs=page_query.documents_of(account, page.rows, images),
    )


def _counts(sums: counters.Counts, page: index_query.Page, *, from_start: bool) -> dict[Status, int] | None:
    """The jobs by status. None where neither the counters nor the page have any.

    The page may show more jobs than the counters have: they lag behind in a batch that has just begun.
    """
    on_page = _by_status(page.rows)
    if from_start and page.next_position is None and page.passed == len(page.rows):  # the page has the whole batch
        return on_page
    counts = max(counters.jobs_by_status(sums), on_page, key=lambda counts: sum(counts.values()))
    return counts if any(counts.values()) else None


def _counts_of_first_page(account: str, batch_id: str) -> dict[Status, int]:
    """The fallback for a page past the end of a batch without counters yet: it may be new, and exist all the same."""
    return _by_status(page_query.page(account, Filters(batch_id=batch_id), limit=_MAX_COUNTED).rows)


def _by_status(rows: Sequence[index_query.ListedRow]) -> dict[Status, int]:
    return dict.fromkeys(Status, 0) | Counter(Status(row["status"]) for row in rows)


def _runs(job: Job, account: str, batch_id: str) -> bool:
    return job.account == account and job.batch_id == batch_id and job.status in RUNNING


def _left(sums: counters.Counts, counts: dict[Status, int], running: _Running) -> Estimate | None:
    model, slots = setting("DEFAULT_WHISPER_MODEL"), int(setting("ACCOUNT_CONCURRENCY"))
    estimates = [time_left(job, progress, model) for job, progress in running]
    return batch_progress.estimate(counts, estimates, _mean_seconds(sums, running, model), slots)


def _mean_seconds(sums: counters.Counts, running: _Running, model: str) -> float | None:
    """Seconds that a job takes: the mean of the batch's completed jobs, else the estimate for its running jobs."""
    completed, seconds = counters.jobs_of(sums, [Status.COMPLETED]), sums.get("processing_ms", 0) / 1000
    if completed and seconds:
        return seconds / completed
    estimates = [total_time(job, progress, model) for job, progress in running]
    totals = [estimate[0] for estimate in estimates if estimate is not None]
    return sum(totals) / len(totals) if totals else None
