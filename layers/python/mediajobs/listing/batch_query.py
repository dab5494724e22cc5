"""A batch: its counts, and what its running jobs say. Three reads beside its page, however many jobs it has."""

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

_MOST_RUNNING = 50  # of an account are looked at: a hundred items, one call
_MOST_COUNTED = 500  # one call
_Running = Sequence[tuple[Job, Progress | None]]


@dataclass(frozen=True)
class Batch:
    """As it is now. `counts` follow the jobs a second or so later, unless the page shows all of them."""

    counts: dict[Status, int]
    overall_progress: int
    left: Estimate | None
    jobs: list[ListedJob]


def read(account: str, batch_id: str, page: index_query.Page, *, from_start: bool) -> Batch:
    """The batch of which this page was read. `from_start`: by its number, so it knows what it passed."""
    counted, held = batch_items.read(
        counter_store.wanted_of_batch(account, batch_id), concurrency_store.wanted(account)
    )
    sums = counter_store.sums(counted)
    shown = [row["job_id"] for row in page.rows if row["status"] in RUNNING]
    others = sorted(concurrency_store.running_of(held) - set(shown))[:_MOST_RUNNING]
    (images,) = batch_items.read(summary_query.wanted([*shown, *others], more=("batch_id", "source", "rates")))
    running = [(job, progress) for job, progress in summary_query.jobs_of(images) if _runs(job, account, batch_id)]
    counts = _counts(sums, page, from_start=from_start) or _counts_of_first(account, batch_id)
    return Batch(
        counts=counts,
        overall_progress=batch_progress.overall_progress(
            counts, [job_brief(*each).overall_progress for each in running]
        ),
        left=_left(sums, counts, running),
        jobs=page_query.documents_of(account, page.rows, images),
    )


def _counts(sums: counters.Counts, page: index_query.Page, *, from_start: bool) -> dict[Status, int] | None:
    """Of a batch that has just begun, the page may know more than the counters. None where neither knows anything."""
    seen = _by_status(page.rows)
    if from_start and page.next_position is None and page.passed == len(page.rows):  # all of it, from the beginning
        return seen
    counts = max(counters.jobs_by_status(sums), seen, key=lambda counts: sum(counts.values()))
    return counts if any(counts.values()) else None


def _counts_of_first(account: str, batch_id: str) -> dict[Status, int]:
    """What stands where a page past the end meets no counters: the batch may be new, and is there all the same."""
    return _by_status(page_query.page(account, Filters(batch_id=batch_id), limit=_MOST_COUNTED).rows)


def _by_status(rows: Sequence[index_query.ListedRow]) -> dict[Status, int]:
    return dict.fromkeys(Status, 0) | Counter(Status(row["status"]) for row in rows)


def _runs(job: Job, account: str, batch_id: str) -> bool:
    return job.account == account and job.batch_id == batch_id and job.status in RUNNING


def _left(sums: counters.Counts, counts: dict[Status, int], running: _Running) -> Estimate | None:
    model, places = setting("DEFAULT_WHISPER_MODEL"), int(setting("ACCOUNT_CONCURRENCY"))
    left = [time_left(job, progress, model) for job, progress in running]
    return batch_progress.estimate(counts, left, _mean(sums, running, model), places)


def _mean(sums: counters.Counts, running: _Running, model: str) -> float | None:
    """Seconds that a job takes: as the completed ones of the batch did, else as finished jobs of their length did."""
    completed, spent = counters.jobs_of(sums, [Status.COMPLETED]), sums.get("processing_ms", 0) / 1000
    if completed and spent:
        return spent / completed
    whole = [each[0] for job, progress in running if (each := total_time(job, progress, model)) is not None]
    return sum(whole) / len(whole) if whole else None
