"""Statistics of any span of time, exact, from a fixed number of counters.

The milliseconds since 1970 are cut into blocks of 1, 8, 64, … 8^14 ms. A job is counted in the one block of each size
that its creation falls into; any span is the sum of fewer than 200 blocks, however long it is and however many jobs
lie in it. Everything counted is an integer, so that nothing is lost by adding and taking away.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from mediajobs.jobs import Job
from mediajobs.life import Status

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BITS = 3  # eight blocks make the next larger one
_LEVELS = 14  # 8^14 ms are 139 years
EPOCH_END = 1 << (_BITS * _LEVELS)

Tally = Mapping[str, int]


def blocks_of(moment: int) -> list[str]:
    """The block of each size that a moment (ms since 1970) lies in."""
    return [_name(level, moment >> (_BITS * level)) for level in range(_LEVELS + 1)]


def cover(first: int, last: int) -> Iterator[str]:
    """The fewest blocks that make up all moments from `first` to `last`, both included."""
    here, end = max(first, 0), min(last, EPOCH_END - 1) + 1
    while here < end:
        level = 0
        while level < _LEVELS and here % (1 << _BITS * (level + 1)) == 0 and here + (1 << _BITS * (level + 1)) <= end:
            level += 1
        yield _name(level, here >> (_BITS * level))
        here += 1 << (_BITS * level)


def of_job(job: Job) -> Counter[str]:
    """What one job adds: to the jobs of its status, and when it is completed to the sums of work."""
    tally = Counter({f"jobs.{job.status}": 1})
    stored = sum(output.size_bytes or 0 for output in job.outputs.values())
    tally["output_bytes"] += stored
    tally["source_bytes"] += job.source.size_bytes if job.source else job.size_bytes or 0
    if job.status is Status.COMPLETED and job.source is not None:
        tally["processing_ms"] += round(1000 * job.processing_time.get("total_seconds", 0))
        tally["media_ms"] += round(1000 * job.source.duration_seconds)
    return tally


def added(tallies: Iterable[Tally]) -> Counter[str]:
    total: Counter[str] = Counter()
    for tally in tallies:
        total.update(tally)
    return total


def change(before: Tally, after: Tally) -> dict[str, int]:
    """What has to be added to get from one to the other, without zeros."""
    names = before.keys() | after.keys()
    return {name: delta for name in sorted(names) if (delta := after.get(name, 0) - before.get(name, 0))}


def jobs_by_status(tally: Tally) -> dict[Status, int]:
    """All eight, also those of which there are none."""
    counts = dict.fromkeys(Status, 0)
    for name, number in tally.items():
        kind, _, rest = name.partition(".")
        if kind == "jobs":
            counts[Status(rest)] += number
    return counts


def milliseconds(moment: datetime) -> int:
    """Since 1970, rounded down; of an aware datetime."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def milliseconds_up(moment: datetime) -> int:
    """The same, rounded up: the first millisecond that is not before the moment."""
    return -((_EPOCH - moment) // timedelta(milliseconds=1))


def _name(level: int, number: int) -> str:
    return f"{level:02d}#{number}"
