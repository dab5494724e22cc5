"""Arithmetic with counts: what jobs, and deleted jobs, contribute to the sums that statistics are read from.

A job is counted in one block of each size (1, 8, 64, … 8^14 ms) by its time of creation, see
`mediajobs.statistics.time_blocks`. The sums of any span of time are those of fewer than 200 blocks, however long it is
and however many jobs were created in it. Everything counted is an integer, so that adding and subtracting is exact.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from mediajobs.jobs.lifecycle import Status

# What a deleted job leaves in the sums, under names of its own: the work that was done for it, and its files if kept.
_DELETED = "deleted."
_DELETED_JOBS = f"{_DELETED}jobs"
_WORK = ("media_ms", "transcoded_ms", "transcribed_ms")
_FILES = ("source_bytes", "output_bytes")
Counts = Mapping[str, int]


def counts_of_deleted(counts: Counts, *, files_kept: bool) -> Counter[str]:
    """What a job contributes after its deletion; `counts`: what it contributed until then."""
    names = (*_WORK, *_FILES) if files_kept else _WORK
    return Counter({_DELETED_JOBS: 1} | {f"{_DELETED}{name}": counts[name] for name in names if counts.get(name)})


def has_deleted_job(counts: Counts) -> bool:
    return _DELETED_JOBS in counts


def including_deleted(counts: Counts) -> Counter[str]:
    """The counts with work and files of deleted jobs added: what an account has used up and stores."""
    total = Counter(counts)
    total.update({name: counts.get(f"{_DELETED}{name}", 0) for name in (*_WORK, *_FILES)})
    return total


def total_of(parts: Iterable[Counts]) -> Counter[str]:
    total: Counter[str] = Counter()
    for counts in parts:
        total.update(counts)
    return total


def difference(before: Counts, after: Counts) -> dict[str, int]:
    """What has to be added to `before` to get `after`, without zeros."""
    names = before.keys() | after.keys()
    return {name: delta for name in sorted(names) if (delta := after.get(name, 0) - before.get(name, 0))}


def jobs_by_status(counts: Counts) -> dict[Status, int]:
    """The number of jobs for each of the eight statuses, zeros included."""
    numbers = dict.fromkeys(Status, 0)
    for status, _, number in _jobs(counts):
        numbers[status] += number
    return numbers


def jobs_of(counts: Counts, statuses: Collection[Status] = (), priority: int | None = None) -> int:
    """How many jobs have one of these statuses, and this priority. Without statuses, or without a priority: any."""
    return sum(
        number
        for status, job_priority, number in _jobs(counts)
        if status in (statuses or Status) and priority in (None, job_priority)
    )


def _jobs(counts: Counts) -> Iterator[tuple[Status, int, int]]:
    """(status, priority, number of jobs), from the counts `jobs.STATUS.PRIORITY`."""
    for name, number in counts.items():
        if name.startswith("jobs."):
            _, status, priority = name.split(".")
            yield Status(status), int(priority), number
