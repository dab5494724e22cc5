"""A batch: its counts, and what its running jobs say. Three reads beside its page, however many jobs it has."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from mediajobs import batches, tallies
from mediajobs.batches import Estimate
from mediajobs.documents import ListedJob
from mediajobs.job_document import job_brief, time_left, whole_time
from mediajobs.jobs import Job
from mediajobs.life import RUNNING, Status
from mediajobs.listing import Filters
from mediajobs.progress import Progress
from mediajobs.stores import briefs, bulk, listing, rollups, slots

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


def read(account: str, batch_id: str, page: listing.Page, *, from_start: bool) -> Batch:
    """The batch of which this page was read. `from_start`: by its number, so it knows what it passed."""
    counted, held = bulk.read(rollups.wanted_of_batch(account, batch_id), slots.wanted(account))
    sums = rollups.sums(counted)
    shown = [row["job_id"] for row in page.rows if row["status"] in RUNNING]
    others = sorted(slots.running_of(held) - set(shown))[:_MOST_RUNNING]
    (images,) = bulk.read(briefs.wanted([*shown, *others], more=("batch_id", "source", "rates")))
    running = [(job, progress) for job, progress in briefs.jobs_of(images) if _runs(job, account, batch_id)]
    counts = _counts(sums, page, from_start=from_start) or _counts_of_first(account, batch_id)
    return Batch(
        counts=counts,
        overall_progress=batches.overall_progress(counts, [job_brief(*each).overall_progress for each in running]),
        left=_left(sums, counts, running),
        jobs=listing.documents_of(account, page.rows, images),
    )


def _counts(sums: tallies.Tally, page: listing.Page, *, from_start: bool) -> dict[Status, int] | None:
    """Of a batch that has just begun, the page may know more than the counters. None where neither knows anything."""
    seen = _by_status(page.rows)
    if from_start and page.place is None and page.seen == len(page.rows):  # all of it, from the beginning
        return seen
    counts = max(tallies.jobs_by_status(sums), seen, key=lambda counts: sum(counts.values()))
    return counts if any(counts.values()) else None


def _counts_of_first(account: str, batch_id: str) -> dict[Status, int]:
    """What stands where a page past the end meets no counters: the batch may be new, and is there all the same."""
    return _by_status(listing.page(account, Filters(batch_id=batch_id), limit=_MOST_COUNTED).rows)


def _by_status(rows: Sequence[listing.Row]) -> dict[Status, int]:
    return dict.fromkeys(Status, 0) | Counter(Status(row["status"]) for row in rows)


def _runs(job: Job, account: str, batch_id: str) -> bool:
    return job.account == account and job.batch_id == batch_id and job.status in RUNNING


def _left(sums: tallies.Tally, counts: dict[Status, int], running: _Running) -> Estimate | None:
    model, places = os.environ["DEFAULT_WHISPER_MODEL"], int(os.environ["ACCOUNT_CONCURRENCY"])
    left = [time_left(job, progress, model) for job, progress in running]
    return batches.estimate(counts, left, _mean(sums, running, model), places)


def _mean(sums: tallies.Tally, running: _Running, model: str) -> float | None:
    """Seconds that a job takes: as the completed ones of the batch did, else as finished jobs of their length did."""
    completed, spent = tallies.jobs_of(sums, [Status.COMPLETED]), sums.get("processing_ms", 0) / 1000
    if completed and spent:
        return spent / completed
    whole = [each[0] for job, progress in running if (each := whole_time(job, progress, model)) is not None]
    return sum(whole) / len(whole) if whole else None
