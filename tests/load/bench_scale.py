"""What the API asks of DynamoDB at 1,000 and at 100,000 jobs: `python -m tests.load.bench_scale [FEW MANY]`.

Calls and items are counted where botocore sends them; the API is called through its real handler; the tables are the
template's, in dynalite on disk. All jobs are of one account: months of history, the newest 35 of them still open, since
what waits and runs at a time does not grow with the history. Every request is counted once and timed ROUNDS times.
"""

import json
import os
import random
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from statistics import median
from typing import Any
from urllib.parse import urlencode

from chalice.test import Client
from ulid import ULID

from mediajobs.accounts import key_store
from mediajobs.aws import dynamodb
from mediajobs.jobs import contribution, job_store
from mediajobs.jobs.index_keys import fold_case
from mediajobs.jobs.lifecycle import RUNNING, Status, queue_rank
from mediajobs.jobs.model import Job
from mediajobs.jobs.progress import new_progress
from mediajobs.jobs.progress_store import row_of
from mediajobs.listing import name_index
from mediajobs.listing.index_plan import SORTS
from mediajobs.media.source import AudioFacts, SourceFacts, VideoFacts
from mediajobs.media.tasks import tasks_for
from mediajobs.statistics import time_blocks
from mediajobs.timestamps import from_milliseconds
from tests.load import peer
from tests.support.functions import load
from tests.support.template import SETTINGS, make_tables

FEW, MANY = 1_000, 100_000
ROUNDS = 20
ACCOUNT = "acme"
STEP = 60_000  # ms from job to job
_WORDS = ("talk", "lecture", "interview", "match", "lesson")
_RARE = {10, 500, 900}  # of the newest jobs, those that have a rare word in their name
_OPEN = [Status.PROCESSING] * 2 + [Status.TRANSCODING] * 8 + [Status.PENDING] * 5 + [Status.QUEUED] * 20
_ENDED = [Status.COMPLETED] * 85 + [Status.FAILED] * 10 + [Status.CANCELLED] * 5
_SOURCE = SourceFacts(
    container="mp4",
    duration_seconds=60,
    size_bytes=48_000_000,
    sha256="0" * 64,
    video=VideoFacts(
        index=0,
        codec="h264",
        width=1280,
        height=720,
        rotation=0,
        frame_rate=25,
        pix_fmt="yuv420p",
        hdr=False,
        variable_frame_rate=False,
    ),
    audio=AudioFacts(index=1, codec="aac", channels=2, sample_rate=48_000),
)
_RESULT = {
    "outputs": {name: {"available": True, "size_bytes": 9_000_000} for name in ("360p", "720p", "transcript_txt")},
    "processing_time": {"total_seconds": 31.5},
    "source": _SOURCE,
}


@dataclass(frozen=True)
class Cost:
    calls: Counter[str]
    items: int
    seconds: tuple[float, float]  # median, least

    @property
    def counts(self) -> tuple[Counter[str], int]:
        return self.calls, self.items

    def __str__(self) -> str:
        names = " ".join(f"{number}x{name}" if number > 1 else name for name, number in sorted(self.calls.items()))
        middle, least = (1000 * each for each in self.seconds)
        return f"{self.calls.total()} calls, {self.items} items, {middle:.1f} ms, least {least:.1f} ({names})"


class Meter:
    """Counts what a client sends. What the peer's lessons send for a transaction is a part of that one call."""

    def __init__(self, client: Any) -> None:
        self.calls: Counter[str] = Counter()
        self.items = 0
        self._depth = 0
        client.meta.events.register_first("before-call.dynamodb", self._begin)
        client.meta.events.register("after-call.dynamodb", self._end)
        client.meta.events.register("after-call-error.dynamodb", self._failed)

    def _begin(self, model: Any, params: Any, **_: Any) -> None:
        if not self._depth:
            self.calls[model.name] += 1
            self.items += _asked(model.name, json.loads(params["body"]))
        self._depth += 1

    def _end(self, parsed: Any, **_: Any) -> None:
        self._depth -= 1
        if not self._depth:
            self.items += parsed.get("ScannedCount", 0)

    def _failed(self, **_: Any) -> None:
        self._depth -= 1


def main(few: int, many: int) -> None:
    peer.install()
    port = peer.free_port()
    os.environ.update(
        SETTINGS | {"AWS_ENDPOINT_URL_DYNAMODB": f"http://127.0.0.1:{port}", "POWERTOOLS_LOG_LEVEL": "ERROR"}
    )
    app, client = load("api").app, dynamodb.client()  # made for this endpoint
    peer.teach(client)
    meter, history = Meter(client), History(round(1000 * time.time()) - 600_000)
    costs = []
    with tempfile.TemporaryDirectory() as name:
        with peer.running(Path(name), port):
            make_tables(client)
        for size in (few, many):
            began = time.monotonic()
            peer.fill(Path(name), history.up_to(size))
            print(f"{size} jobs loaded in {time.monotonic() - began:.0f} s", flush=True)  # noqa: T201
            with peer.running(Path(name), port), Client(app) as http:
                costs.append(Account(http, meter, history).measure())
    for request, cost in costs[0].items():
        same = "" if cost.counts == costs[1][request].counts else "   not the same"
        print(f"{request}{same}\n{few:9,}: {cost}\n{many:9,}: {costs[1][request]}")  # noqa: T201


class History:
    """The account's jobs, the newest first."""

    def __init__(self, end: int) -> None:
        self.end = end  # ms since 1970
        self.loaded = 0
        self.ids: list[str] = []
        self._blocks: dict[tuple[str, str], Counter[str]] = {}
        self._random = random.Random(1)  # noqa: S311 - always the same history
        self._cancelled = 0

    def up_to(self, size: int) -> Iterator[peer.Line]:
        """What lies in the tables when there are so many jobs, as far as it does not lie there yet."""
        for number in range(self.loaded, size):
            job = self._job(number)
            self.ids.append(job.job_id)
            yield from _rows(job)
            name = name_index.entries(ACCOUNT, job.job_id, fold_case(job.filename))
            yield from (("NameIndexTable", {"part": {"S": part}, "entry": {"S": entry}}) for part, entry in name)
            self._count(job, self.end - number * STEP)
        self.loaded = size
        for (owner, block), counts in self._blocks.items():
            sums = {name: {"N": str(number)} for name, number in counts.items()}
            yield "StatisticsTable", {"owner": {"S": owner}, "block": {"S": block}, **sums}

    def some_waiting(self) -> list[str]:
        """The ids of five that nobody cancelled yet, the last ones in the queue."""
        first = _OPEN.index(Status.QUEUED) + self._cancelled
        self._cancelled += 5
        return self.ids[first : first + 5]

    def moment(self, number: int) -> str:
        return from_milliseconds(self.end - number * STEP) or ""

    def _job(self, number: int) -> Job:
        status = _OPEN[number] if number < len(_OPEN) else self._random.choice(_ENDED)
        ended = {"completed_at": self.moment(number), **_RESULT} if status is Status.COMPLETED else {}
        word = "aurora" if number in _RARE else self._random.choice(_WORDS)
        return Job(
            job_id=str(ULID.from_timestamp((self.end - number * STEP) / 1000)),
            account=ACCOUNT,
            status=status,
            priority=5 if number < len(_OPEN) else self._random.choice((3, 5, 5, 5, 8)),
            filename=f"{word} {number:06d}.mp4",
            size_bytes=48_000_000,
            batch_id=f"batch-{number // 200}" if number % 2 else None,
            created_at=self.moment(number),
            updated_at=self.moment(number),
            **ended,
        )

    def _count(self, job: Job, moment: int) -> None:
        """As mediajobs.rollups does it, one transaction after the other."""
        counts = contribution.counts_of(job)
        owners = [(f"account#{ACCOUNT}", block) for block in time_blocks.blocks_of(moment)]
        if job.batch_id:
            owners.append((f"batch#{ACCOUNT}#{job.batch_id}", "all"))
        for owner in owners:
            self._blocks.setdefault(owner, Counter()).update(counts)


class Account:
    """Who asks, with a key that lasts for as long as this takes."""

    def __init__(self, http: Client, meter: Meter, history: History) -> None:
        self._http, self._meter, self._history = http, meter, history
        self._key = key_store.create(ACCOUNT, requests_per_minute=1_000_000)
        window = {"#ends": "window_ends", "#used": "window_used"}
        dynamodb.client().update_item(
            TableName=SETTINGS["API_KEYS_TABLE"],
            Key={"key_id": {"S": self._key.split("_")[1]}},
            UpdateExpression="SET #ends = :ends, #used = :none",
            ExpressionAttributeNames=window,
            ExpressionAttributeValues={":ends": {"N": "9999999999999"}, ":none": {"N": "0"}},
        )

    def measure(self) -> dict[str, Cost]:
        hundred = {"job_ids": self._history.ids[:100]}
        costs = {name: self._cost("GET", [path] * ROUNDS) for name, path in self._reads().items()}
        costs["list, the last page by cursor"] = self._cost("GET", [self._last_page()] * ROUNDS)
        costs["batch-status of 100"] = self._cost("POST", ["/jobs/batch-status"] * ROUNDS, hundred)
        costs["cancel"] = self._cost("POST", [f"/jobs/{job_id}/cancel" for job_id in self._history.some_waiting()])
        return costs

    def _reads(self) -> dict[str, str]:
        ids, moment = self._history.ids, self._history.moment
        sorts = {f"list, by {sort}": f"/jobs?sort_by={sort}" for sort in SORTS}
        filters = {
            "one status": "status=completed",
            "two statuses": "status=failed&status=cancelled",
            "a priority": "priority=8",
            "a batch": "batch_id=batch-1",
            "a span": f"from_date={moment(800)}&to_date={moment(300)}",
            "a rare word": "search=uror",
            "a rare word, by name": "search=uror&sort_by=filename",
            "a frequent word": "search=mp4",
            "no such word": "search=xyzzy",
        }
        return {
            "health": "/health",
            "get, completed": f"/jobs/{ids[100]}",
            "get, running": f"/jobs/{ids[0]}",
            "get, waiting": f"/jobs/{ids[len(_OPEN) - 5]}",
            **sorts,
            **{f"list, {name}": f"/jobs?{query}" for name, query in filters.items()},
            "batch": "/batches/batch-1",
            "stats, all time": "/jobs/stats",
            "stats, an odd span": f"/jobs/stats?from_date={moment(801)}&to_date={moment(303)}",
            "usage": "/usage",
        }

    def _last_page(self) -> str:
        path, after = "/jobs?per_page=500", self._get("/jobs?per_page=500")
        while cursor := after["next_cursor"]:
            path = f"/jobs?{urlencode({'per_page': 500, 'cursor': cursor})}"
            after = self._get(path)
        return path

    def _get(self, path: str) -> Any:
        return self._ask("GET", path)

    def _ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {"X-API-Key": self._key, "Content-Type": "application/json"}
        content = b"" if body is None else json.dumps(body).encode()
        answer = self._http.http.request(method, path, headers=headers, body=content)
        if answer.status_code != HTTPStatus.OK:
            raise RuntimeError(f"{method} {path}: {answer.status_code} {answer.body!r}")
        return answer.json_body

    def _cost(self, method: str, paths: list[str], body: Any = None) -> Cost:
        """Counted at the second of the paths, since the first may find a function that is not warm; timed at all."""
        seconds = []
        for number, path in enumerate(paths):
            calls, items = self._meter.calls.copy(), self._meter.items
            began = time.perf_counter()
            self._ask(method, path, body)
            seconds.append(time.perf_counter() - began)
            if number == 1:
                counts = self._meter.calls - calls, self._meter.items - items
        return Cost(*counts, (median(seconds), min(seconds)))


def _rows(job: Job) -> Iterator[peer.Line]:
    """The job's row as the stores would have written it, and its progress where it runs."""
    row = job_store.row_of(job)
    if job.status is Status.QUEUED:
        row.queue, row.queue_rank = job.account, queue_rank(job.priority, job.job_id)
    yield "JobsTable", row.serialize()
    if job.status in RUNNING:
        told = new_progress(tasks_for(job.options), attempt=1, now=job.updated_at, rates={})
        yield "JobsTable", row_of(job.job_id, told).serialize()


def _asked(operation: str, request: Any) -> int:
    """How many items a request names, whether they are there or not; a query names none."""
    if operation == "BatchGetItem":
        return sum(len(wanted["Keys"]) for wanted in request["RequestItems"].values())
    if operation.startswith("Transact"):
        return len(request["TransactItems"])
    return 0 if operation == "Query" else 1


if __name__ == "__main__":
    few, many = (int(argument) for argument in sys.argv[1:]) if len(sys.argv) > 1 else (FEW, MANY)
    main(few, many)
