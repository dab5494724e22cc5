"""Statistics of any span of time, exact, from a fixed number of counters.

The milliseconds since 1970 are cut into blocks of 1, 8, 64, … 8^14 ms. A job is counted in the one block of each size
that its creation falls into; any span is the sum of fewer than 200 blocks, however long it is and however many jobs
lie in it. Everything counted is an integer, so that nothing is lost by adding and taking away.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta

from mediajobs.jobs import Job
from mediajobs.life import Status

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_BITS = 3  # eight blocks make the next larger one
_LEVELS = 14  # 8^14 ms are 139 years
EPOCH_END = 1 << (_BITS * _LEVELS)

# What a deleted job leaves in the sums, under names of its own: the work that was done for it, and its files if kept.
_DELETED = "deleted."
_HANDLED = f"{_DELETED}jobs"
_WORK = ("media_ms", "transcoded_ms", "transcribed_ms")
_FILES = ("source_bytes", "output_bytes")

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
    """What one job adds: to the jobs of its status and priority, and when it is completed to the sums of work."""
    tally = Counter({f"jobs.{job.status}.{job.priority}": 1})
    tally["output_bytes"] += sum(output.size_bytes or 0 for output in job.outputs.values())
    tally["source_bytes"] += _source_bytes(job)
    if job.status is Status.COMPLETED and job.source is not None:
        media = round(1000 * job.source.duration_seconds)
        tally["processing_ms"] += round(1000 * job.processing_time.get("total_seconds", 0))
        tally["media_ms"] += media
        tally["transcoded_ms"] += media if _made(job, "360p", "720p") else 0
        tally["transcribed_ms"] += media if _made(job, "transcript_txt") else 0
    return tally


def of_deleted(tally: Tally, *, files_kept: bool) -> Counter[str]:
    """What is left of a job when it is deleted; `tally`: what it added until then."""
    names = (*_WORK, *_FILES) if files_kept else _WORK
    return Counter({_HANDLED: 1} | {f"{_DELETED}{name}": tally[name] for name in names if tally.get(name)})


def is_of_deleted(tally: Tally) -> bool:
    return _HANDLED in tally


def with_deleted(tally: Tally) -> Counter[str]:
    """Work and files with those of deleted jobs: what an account has used up and stores."""
    total = Counter(tally)
    total.update({name: tally.get(f"{_DELETED}{name}", 0) for name in (*_WORK, *_FILES)})
    return total


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
    for status, _, number in _jobs(tally):
        counts[status] += number
    return counts


def jobs_of(tally: Tally, statuses: Collection[Status] = (), priority: int | None = None) -> int:
    """How many jobs have one of these statuses, and this priority; empty and None: any."""
    return sum(
        number for status, its, number in _jobs(tally) if status in (statuses or Status) and priority in (None, its)
    )


def milliseconds(moment: datetime) -> int:
    """Since 1970, rounded down; of an aware datetime."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def milliseconds_up(moment: datetime) -> int:
    """The same, rounded up: the first millisecond that is not before the moment."""
    return -((_EPOCH - moment) // timedelta(milliseconds=1))


def _jobs(tally: Tally) -> Iterator[tuple[Status, int, int]]:
    """(status, priority, number of jobs)."""
    for name, number in tally.items():
        kind, _, rest = name.partition(".")
        if kind == "jobs":
            status, _, priority = rest.partition(".")
            yield Status(status), int(priority), number


def _source_bytes(job: Job) -> int:
    """What is stored, or on its way. What a URL leads to is there once it is validated, whatever was announced."""
    if job.source is not None:
        return job.source.size_bytes
    return 0 if job.source_url else job.size_bytes or 0


def _made(job: Job, *outputs: str) -> bool:
    return any(name in job.outputs and job.outputs[name].available for name in outputs)


def _name(level: int, number: int) -> str:
    return f"{level:02d}#{number}"
