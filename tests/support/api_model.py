"""What the API promises, told again in plain Python: from the contract, not from the code.

A action is a method. Where others may come between its parts it is a generator, and yields there; what it returns (or
raises, as `Refused`) is what its caller must be told.
"""

import copy
import itertools
from collections import Counter
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import GeneratorType
from typing import Any

ACCOUNT_LIMIT, SYSTEM_LIMIT, MOST_ATTEMPTS = 2, 3, 5
MOST_PARTS = 10
OLDEST = {"sort_order": "asc"}
ORDER = ["pending", "queued", "processing", "transcoding", "uploading", "completed", "failed", "cancelled"]
RUNNING = {"processing", "transcoding", "uploading"}
ENDED = {"completed", "failed", "cancelled"}
LEGAL = (
    set(itertools.pairwise(ORDER[:6]))
    | {(status, end) for status in ORDER[:5] for end in ("failed", "cancelled")}
    | {("failed", "queued"), ("cancelled", "queued")}
)

ExpectedAnswer = tuple[int, dict[str, Any]]  # status code, and what must be in the body
Parts = Generator[None, None, Any]


class Refused(Exception):
    def __init__(self, status: int, reason: str = "") -> None:
        super().__init__(f"{status} {reason}")
        self.status = status
        self.reason = reason


class Reason(dict[str, Any]):
    """Why not; no member of what is told by a call of its own."""


class ImpossibleOutcome(Exception):
    """The action cannot have ended as it did, from here."""


@dataclass
class Job:
    job_id: str
    account: str
    filename: str
    created_at: str
    priority: int = 5
    size_bytes: int | None = None
    batch_id: str | None = None
    user_metadata: dict[str, Any] | None = None
    fetched: bool = False  # from a URL
    status: str = "pending"
    attempt: int = 1
    base_attempt: int = 1
    changes: int = 0
    updated_at: str = ""
    heard_at: str = ""  # the last word of a task of this attempt
    percent: int = 0  # of the task that reports
    started_at: str | None = None
    completed_at: str | None = None
    duration: float | None = None
    outputs: dict[str, int] = field(default_factory=dict)  # bytes
    worked_ms: int = 0
    error: str | None = None
    earlier: list[tuple[int, str, str | None]] = field(default_factory=list)

    @property
    def rank(self) -> tuple[int, str]:
        return -self.priority, self.job_id

    def is_in(self, attempt: int, *statuses: str) -> bool:
        return self.attempt == attempt and self.status in statuses


@dataclass
class Model:
    """`places`: how many open jobs an account may have. `uploaded`: bytes of the sources. `files`: names of the objects
    of each job, source and outputs; `made`: attempt and outputs by task of each; `stopped`: the executions that were
    cancelled; `gone`: deleted jobs, each with whether its files were kept; `charged`: account, month and seconds of
    each attempt that was planned."""

    now: str = ""
    places: dict[str, int] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    uploaded: dict[str, int] = field(default_factory=dict)
    files: dict[str, set[str]] = field(default_factory=dict)
    made: dict[str, dict[str, tuple[int, dict[str, int]]]] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)
    gone: list[tuple[Job, bool]] = field(default_factory=list)
    charged: list[tuple[str, str, float]] = field(default_factory=list)

    # What owners do.

    def create(self, job: Job) -> None:
        job.updated_at = self.now
        self.jobs[job.job_id] = job

    def read(self, account: str, job_id: str) -> ExpectedAnswer:
        return 200, self.document(self._own(account, job_id))

    def cancel(self, account: str, job_id: str) -> ExpectedAnswer:
        job = self._own(account, job_id)
        if job.status in ("completed", "failed"):
            raise Refused(400)
        if job.status != "cancelled":
            self._move(job, "cancelled")
        return 200, {"job_id": job_id, "status": "cancelled"}

    def retry(self, account: str, job_id: str, origin: str) -> Parts:
        job = self._own(account, job_id)
        seen = job.attempt
        if job.status not in ("failed", "cancelled"):
            raise Refused(409)
        if seen >= MOST_ATTEMPTS:
            raise Refused(409, "attempts_used")
        yield
        self.check_place(account)
        yield  # whether the source is there is asked elsewhere
        if job.duration is None and not job.fetched and "source" not in self.files.get(job_id, ()):
            raise Refused(409, "source_never_uploaded")
        yield
        job = self._own(account, job_id)
        if not job.is_in(seen, "failed", "cancelled"):
            raise Refused(409)
        self.check_place(account)
        if job.duration is None and not job.fetched:
            job.size_bytes = self.uploaded[job_id]
        self._again(job, origin)
        return 202, {"job_id": job_id, "status": "queued", "attempt": job.attempt}

    def retry_many(self, account: str, wanted: dict[str, Any], origin: str) -> ExpectedAnswer:
        """One status after the other, the oldest first."""
        reasons: Counter[str] = Counter()
        retried = 0
        statuses = dict.fromkeys(wanted.get("status", ["cancelled", "failed"]))
        matching = [job for status in statuses for job in self.select(account, wanted | {"status": [status]} | OLDEST)]
        for job in matching:
            status, body = done(self, lambda model: model.retry(account, job.job_id, origin))  # noqa: B023 - at once
            retried += status == 202
            reasons.update([body["reason"]] if status != 202 else [])
        counts = {"matched": len(matching), "retried": retried, "refused": reasons.total(), "reasons": dict(reasons)}
        return 202, counts | {"continues": False}

    def check_place(self, account: str) -> None:
        if account in self.places and self.open_jobs(account) >= self.places[account]:
            raise Refused(429, "concurrent-jobs")

    def prioritise(self, account: str, job_id: str, priority: int) -> ExpectedAnswer:
        job = self._own(account, job_id)
        if job.status in ENDED:
            raise Refused(409)
        job.priority, job.updated_at = priority, self.now
        return 200, {"status": job.status, "priority": priority}

    def delete(self, account: str, job_id: str, with_files: bool) -> Parts:  # noqa: FBT001
        """A running job is cancelled first; whoever retries it in between is cancelled as well."""
        while True:
            job = self._own(account, job_id)
            if job.status not in ENDED:
                self._move(job, "cancelled")
            seen, count = (job.changes, job.priority), 0
            removes = with_files or not (job.fetched or job.size_bytes is not None)
            yield
            if removes:
                count = len(self.files.pop(job_id, ()))
                self.made.pop(job_id, None)
            yield
            job = self._own(account, job_id)
            if (job.changes, job.priority) == seen:
                self.gone.append((self.jobs.pop(job_id), not removes))
                return 200, {"job_id": job_id, "deleted": True, "files_deleted": count}

    # What the machinery does; every part of it twice, or late, or about an attempt that is over.

    def upload(self, job_id: str, size: int) -> None:
        self.uploaded[job_id] = size
        self.files.setdefault(job_id, set()).add("source")

    def arrive(self, job_id: str, size: int) -> Parts:
        """A source that nobody waits for, or of another size than announced, is removed."""
        job = self.jobs.get(job_id)
        if job and job.is_in(1, "pending"):
            if size == (size if job.size_bytes is None else job.size_bytes):
                job.size_bytes = size
                self._move(job, "queued")
                return
            job.error = "source_size_mismatch"
            self._move(job, "failed")
        known = job.fetched or size == job.size_bytes if job else self._kept_its_files(job_id)
        yield
        if not known:
            self.files.get(job_id, set()).discard("source")

    def _kept_its_files(self, job_id: str) -> bool:
        return any(job.job_id == job_id and kept for job, kept in self.gone)

    def admit(self, job_ids: list[str]) -> Parts:
        """Those that reality has admitted, in its order: whether they may have been."""
        for job_id in job_ids:
            job = self.jobs.get(job_id)
            if job is None or job.status != "queued" or not self._has_room(job.account):
                raise ImpossibleOutcome(f"{job_id} cannot have been admitted")
            self._move(job, "processing")
            job.started_at = job.heard_at = self.now
            job.percent = 0
            yield

    def overlooked(self, accounts: set[str]) -> set[str]:
        """The waiting jobs of those of these accounts that have room."""
        return {job.job_id for job in self.waiting(accounts) if self._has_room(job.account)}

    def waiting(self, accounts: set[str]) -> list[Job]:
        return [job for job in self.jobs.values() if job.status == "queued" and job.account in accounts]

    def validate(self, job_id: str, attempt: int, duration: float, size: int) -> Parts:
        job = self.jobs.get(job_id)
        if job and job.is_in(attempt, *RUNNING):
            job.duration, job.size_bytes = duration, size
        yield
        job = self.jobs.get(job_id)
        if job and job.is_in(attempt, *RUNNING):
            job.heard_at = self.now

    def report(self, job_id: str, attempt: int, percent: int) -> None:
        """One that is behind an earlier one is no news."""
        job = self.jobs.get(job_id)
        if job and job.is_in(attempt, *RUNNING) and percent >= job.percent:
            job.heard_at, job.percent = self.now, percent

    def plan(self, job_id: str, attempt: int) -> Parts:
        """Each attempt is charged with what it decodes, once."""
        job = self.jobs.get(job_id)
        duration = job.duration if job else None
        yield
        job = self.jobs.get(job_id)
        if job and job.is_in(attempt, "processing"):
            self._move(job, "transcoding")
            self.charged.append((job.account, self.now[:7], duration or 0))

    def make(self, job_id: str, attempt: int, task: str, outputs: dict[str, int]) -> None:
        """A task stores its outputs, and then the manifest that proves them."""
        self.files.setdefault(job_id, set()).update([*outputs, task])
        self.made.setdefault(job_id, {})[task] = (attempt, outputs)

    def publish(self, job_id: str, attempt: int) -> Parts:
        job = self.jobs.get(job_id)
        if job and job.is_in(attempt, "transcoding"):
            self._move(job, "uploading")
        if not job or not job.is_in(attempt, "uploading"):
            return
        yield
        made = [outputs for at, outputs in self.made.get(job_id, {}).values() if at >= job.base_attempt]
        yield
        self.files.setdefault(job_id, set()).add("manifest")
        yield
        current = self.jobs.get(job_id)
        if current is None or current.status in ("failed", "cancelled"):
            self.files[job_id].discard("manifest")
        elif current.is_in(attempt, "uploading"):
            current.outputs = {name: size for outputs in made for name, size in outputs.items()}
            current.worked_ms = between(current.started_at or current.created_at, self.now)
            self._move(current, "completed")

    def fail(self, job_id: str, attempt: int, error: str, *, own_words: bool) -> Parts:
        """`own_words`: the task says first why; then its failure is noted, and then the job fails."""
        for heard in (own_words, True):
            job = self.jobs.get(job_id)
            if heard and job and job.is_in(attempt, *RUNNING):
                job.heard_at = self.now
            yield
        job = self.jobs.get(job_id)
        if job and job.attempt == attempt and job.status not in ENDED:
            job.error = error
            self._move(job, "failed")

    # What can be seen.

    def of(self, account: str) -> list[Job]:
        return [job for job in self.jobs.values() if job.account == account]

    def running(self, account: str | None = None) -> set[str]:
        return {job.job_id for job in self.jobs.values() if job.status in RUNNING and account in (None, job.account)}

    def open_jobs(self, account: str) -> int:
        return sum(job.status not in ENDED for job in self.of(account))

    def batch(self, account: str, batch_id: str, size: int) -> ExpectedAnswer:
        jobs = self.select(account, {"batch_id": batch_id})
        if not jobs:
            raise Refused(404)
        statuses = Counter(job.status for job in jobs)
        return 200, {
            "total": len(jobs),
            "status_breakdown": {status: statuses[status] for status in ORDER},
            "jobs": [self.listed(job) for job in jobs[:size]],
        }

    def usage(self, account: str) -> dict[str, Any]:
        """But for the requests."""
        storage = stored(self.of(account) + [job for job, kept in self.gone if kept and job.account == account])
        month = self.now[:7]
        minutes = round(sum(seconds for who, when, seconds in self.charged if (who, when) == (account, month)) / 60, 2)
        return {
            "minutes": {"month": month, "transcoded": minutes, "transcribed": minutes},
            "storage": storage,
            "quotas": {
                "concurrent_jobs": {"limit": self.places.get(account), "used": self.open_jobs(account)},
                "minutes_per_month": {"used": minutes},
                "stored_bytes": {"used": storage["used_bytes"]},
            },
        }

    def document(self, job: Job) -> dict[str, Any]:
        return self.brief(job, heard=True) | {
            "batch_id": job.batch_id,
            "attempt": job.attempt,
            "user_metadata": job.user_metadata,
            "progress": {"queue_position": self._position(job)},
            "source": {"filename": job.filename, "size_bytes": job.size_bytes, "duration_seconds": job.duration},
            "error": {"code": job.error, "retry_count": job.attempt - 1} if job.status == "failed" else None,
            "earlier_attempts": [
                {"attempt": attempt, "status": status, "completed_at": ended} for attempt, status, ended in job.earlier
            ],
        }

    def listed(self, job: Job) -> dict[str, Any]:
        more = {"filename": job.filename, "batch_id": job.batch_id, "duration_seconds": job.duration}
        return self.brief(job, heard=False) | more

    def brief(self, job: Job, *, heard: bool) -> dict[str, Any]:
        names = ("job_id", "status", "priority", "created_at", "completed_at")
        brief = {name: getattr(job, name) for name in names}
        return brief | {"updated_at": max(job.updated_at, job.heard_at) if heard else job.updated_at}

    def select(self, account: str, query: dict[str, Any]) -> list[Job]:
        """In the order that the query asks for."""
        found = [job for job in self.of(account) if matches(job, query)]
        by = query.get("sort_by", "created_at")
        return sorted(found, key=lambda job: place(job, by), reverse=query.get("sort_order", "desc") == "desc")

    def statistics(self, account: str, span: dict[str, str]) -> dict[str, Any]:
        jobs = self.select(account, span)
        statuses = Counter(job.status for job in jobs)
        completed = [job for job in jobs if job.status == "completed"]
        spent, media = sum(job.worked_ms for job in completed), sum(1000 * (job.duration or 0) for job in completed)
        return {
            "total_jobs": len(jobs),
            "status_breakdown": {status: statuses[status] for status in ORDER},
            "success_rate": round(100 * len(completed) / len(jobs), 2) if jobs else 0,
            "processing_metrics": {
                "total_processing_time_seconds": spent / 1000,
                "total_video_duration_seconds": media / 1000,
                "average_processing_time_seconds": round(spent / 1000 / len(completed), 2) if completed else 0,
            },
            "storage": stored(jobs),
        }

    def _own(self, account: str, job_id: str) -> Job:
        job = self.jobs.get(job_id)
        if job is None:
            raise Refused(404)
        if job.account != account:
            raise Refused(403)
        return job

    def _move(self, job: Job, status: str) -> None:
        if (job.status, status) not in LEGAL:
            raise ImpossibleOutcome(f"{job.status} to {status}")
        if job.status in RUNNING and status in ENDED:
            job.heard_at = self.now
            if status == "cancelled":
                self.stopped.add(f"{job.job_id}-{job.attempt}")
        if job.status == "pending" and status in ENDED:
            job.size_bytes = None  # announced, and never stored
        job.status, job.updated_at, job.changes = status, self.now, job.changes + 1
        if status in ENDED:
            job.completed_at = self.now

    def _again(self, job: Job, origin: str) -> None:
        job.earlier = [*job.earlier, (job.attempt, job.status, job.completed_at)]
        job.attempt += 1
        if origin == "start":
            job.base_attempt = job.attempt
        job.error = job.completed_at = job.started_at = None
        job.heard_at = ""
        self._move(job, "queued")

    def _has_room(self, account: str) -> bool:
        return len(self.running(account)) < ACCOUNT_LIMIT and len(self.running()) < SYSTEM_LIMIT

    def _position(self, job: Job) -> int | None:
        if job.status != "queued":
            return None
        return 1 + sum(other.status == "queued" and other.rank < job.rank for other in self.of(job.account))


def stored(jobs: list[Job]) -> dict[str, int]:
    here = [job for job in jobs if not job.fetched or job.duration is not None]
    sources, outputs = sum(job.size_bytes or 0 for job in here), sum(sum(job.outputs.values()) for job in jobs)
    return {"used_bytes": sources + outputs, "source_bytes": sources, "output_bytes": outputs}


def matches(job: Job, query: dict[str, Any]) -> bool:
    return (
        job.status in query.get("status", ORDER)
        and query.get("priority") in (None, job.priority)
        and query.get("batch_id") in (None, job.batch_id)
        and query.get("search", "").casefold() in job.filename.casefold()
        and query.get("from_date", "") <= job.created_at <= query.get("to_date", "~")
    )


def place(job: Job, by: str) -> tuple[Any, str]:
    """What the job is sorted by, and the id where that is the same."""
    values: dict[str, Any] = {
        "filename": job.filename.casefold(),
        "duration_seconds": job.duration or 0,
        "completed_at": job.completed_at or "",
    }
    return values[by] if by in values else getattr(job, by), job.job_id


def between(first: str, last: str) -> int:
    """In milliseconds."""
    return (datetime.fromisoformat(last) - datetime.fromisoformat(first)) // timedelta(milliseconds=1)


Action = Callable[[Model], Any]


def done(model: Model, action: Action) -> Any:
    """Does the action, nobody coming between. Gives what its caller is told."""
    return _rest(_parts(model, action))


def interleavings(model: Model, first: Action, second: Action) -> Iterator[tuple[Model, Any, Any]]:
    """Every way in which the second may come before, between and after the parts of the first: what there is then, and
    what both are told."""
    ended, pauses = False, 0
    while not ended:
        deployment = copy.deepcopy(model)
        parts = _parts(deployment, first)
        try:
            ended, told = _advanced(parts, pauses)
            other = done(deployment, second)
            yield deployment, told if ended else _rest(parts), other
        except ImpossibleOutcome:
            ended = ended or pauses > MOST_PARTS
        pauses += 1


def unfinished_runs(model: Model, action: Action) -> Iterator[Model]:
    """What there may be after a action of which only the first parts were done, or all of them."""
    ended, pauses = False, 0
    while not ended:
        deployment = copy.deepcopy(model)
        ended, _ = _advanced(_parts(deployment, action), pauses)
        yield deployment
        pauses += 1


def _parts(model: Model, action: Action) -> Parts:
    try:
        given = action(model)
        if isinstance(given, GeneratorType):
            given = yield from given
    except Refused as refused:
        return refused.status, Reason(reason=refused.reason)
    return given


def _advanced(parts: Parts, pauses: int) -> tuple[bool, Any]:
    """Whether it has come to its end already, and what its caller is told then."""
    for _ in range(pauses):
        try:
            next(parts)
        except StopIteration as stop:
            return True, stop.value
    return False, None


def _rest(parts: Parts) -> Any:
    while True:
        try:
            next(parts)
        except StopIteration as stop:
            return stop.value
