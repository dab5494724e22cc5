"""Statistics of any span of time, exact, from a fixed number of counters.

The milliseconds since 1970 are cut into blocks of 1, 8, 64, … 8^14 ms. A job is counted in the one block of each size
that its creation falls into; any span is the sum of fewer than 200 blocks, however long it is and however many jobs
lie in it. Everything counted is an integer, so that nothing is lost by adding and taking away.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping

from mediajobs.jobs.lifecycle import Status

# What a deleted job leaves in the sums, under names of its own: the work that was done for it, and its files if kept.
_DELETED = "deleted."
_HANDLED = f"{_DELETED}jobs"
_WORK = ("media_ms", "transcoded_ms", "transcribed_ms")
_FILES = ("source_bytes", "output_bytes")
Counts = Mapping[str, int]


def counts_of_deleted(tally: Counts, *, files_kept: bool) -> Counter[str]:
    """What is left of a job when it is deleted; `tally`: what it added until then."""
    names = (*_WORK, *_FILES) if files_kept else _WORK
    return Counter({_HANDLED: 1} | {f"{_DELETED}{name}": tally[name] for name in names if tally.get(name)})


def is_deleted_account(tally: Counts) -> bool:
    return _HANDLED in tally


def including_deleted(tally: Counts) -> Counter[str]:
    """Work and files with those of deleted jobs: what an account has used up and stores."""
    total = Counter(tally)
    total.update({name: tally.get(f"{_DELETED}{name}", 0) for name in (*_WORK, *_FILES)})
    return total


def total_of(tallies: Iterable[Counts]) -> Counter[str]:
    total: Counter[str] = Counter()
    for tally in tallies:
        total.update(tally)
    return total


def difference(before: Counts, after: Counts) -> dict[str, int]:
    """What has to be added to get from one to the other, without zeros."""
    names = before.keys() | after.keys()
    return {name: delta for name in sorted(names) if (delta := after.get(name, 0) - before.get(name, 0))}


def jobs_by_status(tally: Counts) -> dict[Status, int]:
    """All eight, also those of which there are none."""
    counts = dict.fromkeys(Status, 0)
    for status, _, number in _jobs(tally):
        counts[status] += number
    return counts


def jobs_of(tally: Counts, statuses: Collection[Status] = (), priority: int | None = None) -> int:
    """How many jobs have one of these statuses, and this priority; empty and None: any."""
    return sum(
        number for status, its, number in _jobs(tally) if status in (statuses or Status) and priority in (None, its)
    )


def _jobs(tally: Counts) -> Iterator[tuple[Status, int, int]]:
    """(status, priority, number of jobs)."""
    for name, number in tally.items():
        kind, _, rest = name.partition(".")
        if kind == "jobs":
            status, _, priority = rest.partition(".")
            yield Status(status), int(priority), number
