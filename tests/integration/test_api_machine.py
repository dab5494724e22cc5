"""The whole API against a plain model: two tenants, concurrent actors, events that come twice, late, in any order.

`API_MACHINE_EXAMPLES=300 python -m pytest tests/integration/test_api_machine.py` looks longer, at other examples each
time; with `API_MACHINE_SHRINK=1` a failure is made as small as it can be, which takes minutes.
"""

import os
import random
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mediajobs.errors import NotFound, Stopped
from mediajobs.jobs import manifest_key, output_prefix
from mediajobs.manifests import Output, TaskManifest
from mediajobs.progress import Failure, TaskProgress
from mediajobs.source import AudioFacts, SourceFacts
from mediajobs.stores import jobs, progress, queue, slots, waiting
from mediajobs.stores.objects import Objects
from tests.integration.api_model import LEGAL, RUNNING, Deed, Job, Model, done, interleavings
from tests.world import Answer, World

ACCOUNTS = ("acme", "zeta")
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
MOST_JOBS = 7
EXAMPLES = int(os.environ.get("API_MACHINE_EXAMPLES", "0"))
NAMES = [
    "talk.mp4", "Talk TALK talk 2.MP4", "talk", "=cmd|' /C calc'!A0.mov", "+1.mp4", "@sum.mp4", "-2+3.mp4", "#", "null",
    'say "hi", ok.mp4', "it's.mp4", "Über uns, Straße.mov", "日本語の動画.mp4", "\N{CLAPPER BOARD}" * 255, " lead.mp4",
    "e\N{COMBINING ACUTE ACCENT}clair.mp4", "%_*.mp4", "a b&c=d?.mp4", "İstanbul.mp4", "ΣΊΣΥΦΟΣ.mov", "\u2028.mp4",
]  # fmt: skip
SORTS = ["created_at", "updated_at", "completed_at", "priority", "filename", "duration_seconds", "status"]

names = st.sampled_from(NAMES) | st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=12
)
jobs_to_be = st.fixed_dictionaries(
    {"filename": names},
    optional={
        "size_bytes": st.sampled_from([0, 10, 300_000_000]),
        "priority": st.integers(1, 10),
        "batch_id": st.sampled_from(["b0", "b1"]),
        "user_metadata": st.dictionaries(st.text(max_size=3), st.none() | st.integers(-9, 9) | st.text(max_size=3)),
        "source_url": st.just("https://example.com/talk.mp4"),
    },
)
wishes = st.one_of(
    st.tuples(st.just("cancel"), st.none()),
    st.tuples(st.just("retry"), st.sampled_from(["failed_task", "start"])),
    st.tuples(st.just("prioritise"), st.integers(1, 10)),
    st.tuples(st.just("delete"), st.booleans()),
    st.tuples(st.just("read"), st.none()),
)
tasks = st.one_of(
    st.tuples(st.just("validate"), st.sampled_from([8.0, 61.5])),
    st.tuples(st.just("report"), st.integers(0, 100)),
    st.tuples(st.sampled_from(["plan", "publish"]), st.none()),
    st.tuples(st.just("make"), st.sampled_from(["media", "transcribe"])),
    st.tuples(st.just("fail"), st.booleans()),
    st.tuples(st.just("admit"), st.none()),
)
picks = st.integers(0, 20)
queries = st.fixed_dictionaries(
    {},
    optional={
        "status": st.lists(st.sampled_from(["pending", "queued", "failed", "cancelled"]), min_size=1, max_size=3),
        "priority": st.integers(1, 10),
        "batch_id": st.sampled_from(["b0", "b1"]),
        "search": st.sampled_from(["TALK", "mp4", "über", "&c", "STRASSE", "ίσ", "=", "i"])
        | st.text("atlk. ", min_size=1, max_size=3),
        "from_date": picks,
        "to_date": picks,
    },
)
orders = st.fixed_dictionaries(
    {"per_page": st.integers(1, 5)},
    optional={"sort_by": st.sampled_from(SORTS), "sort_order": st.sampled_from(["asc", "desc"])},
)
Wish = tuple[str, Any]


@dataclass(frozen=True)
class Act:
    """What is really done, and what that is in the model, where it may depend on how it really went."""

    real: Callable[[], Any]
    deed: Callable[[Any], Deed]


class Api(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.world, self.model = World(ACCOUNTS), Model()
        self.owner: dict[str, str] = {}  # of every job that ever was
        self.arrivals: list[dict[str, Any]] = []
        self.records: list[dict[str, Any]] = []
        self.events: dict[str, list[dict[str, Any]]] = {"schedule": [], "roll_up": []}
        self.percent: dict[tuple[str, int], int] = {}

    def teardown(self) -> None:
        self.world.close()

    # Rules: what owners and strangers do.

    @precondition(lambda self: len(self.model.jobs) < MOST_JOBS)
    @rule(account=st.sampled_from(ACCOUNTS), fields=jobs_to_be)
    def create(self, account: str, fields: dict[str, Any]) -> None:
        self.later(1)
        answer = self.world.ask(account, "POST", "/jobs", fields)
        fetched = "source_url" in fields
        assert answer.status == (202 if fetched else 201), answer
        job_id = answer.body["job_id"]
        known = {name: value for name, value in fields.items() if name != "source_url"}
        status = "queued" if fetched else "pending"
        job = Job(job_id, account, created_at=self.model.now, fetched=fetched, status=status, **known)
        self.model.create(job)
        self.owner[job_id] = account
        self.check(job_id)

    @precondition(lambda self: self.owner)
    @rule(which=picks, by=st.sampled_from([*["owner"] * 5, "stranger"]), wish=wishes)
    def steer(self, which: int, by: str, wish: Wish) -> None:
        self.do(self.steering(self.job_id(which), wish, stranger=by == "stranger"), self.job_id(which))

    # Rules: what the machinery does.

    @precondition(lambda self: self.owner)
    @rule(which=picks, size=st.integers(1, 30))
    def upload(self, which: int, size: int) -> None:
        """The presigned URL takes one source, as long as it is good: after a cancel and a deletion too."""
        job_id = self.job_id(which)
        if "source" in self.model.files.get(job_id, ()):
            return
        self.arrivals.append(self.world.upload(job_id, b"x" * size))
        self.model.upload(job_id)

    @precondition(lambda self: self.arrivals)
    @rule(which=picks, keep=st.booleans())
    def arrive(self, which: int, keep: bool) -> None:  # noqa: FBT001
        event = self.taken(self.arrivals, which, keep=keep)
        self.do(self.arrival(event), event["detail"]["object"]["key"].split("/")[1])

    @precondition(lambda self: self.owner)
    @rule(which=picks, task=tasks, late=st.sampled_from([0, 0, 0, 0, 1]))
    def work(self, which: int, task: Wish, late: int) -> None:
        """A task of the attempt that runs, or of one before it."""
        job_id = self.job_id(which)
        self.do(self.working(job_id, task, late), job_id)

    @precondition(lambda self: self.owner)
    @rule(which=picks)
    def go_on(self, which: int) -> None:
        """The next step of a job, so that some come to their end."""
        job_id = self.job_id(which)
        job = self.model.jobs.get(job_id)
        if job is None or job.status not in ("queued", *RUNNING):
            return
        steps = {"queued": "admit", "processing": "plan", "transcoding": "publish", "uploading": "publish"}
        step: Wish = (steps[job.status], None)
        if job.status == "processing" and job.duration is None:
            step = ("validate", 8.0)
        elif job.status == "transcoding" and "media" not in self.model.made.get(job_id, {}):
            step = ("make", "media")
        self.do(self.working(job_id, step, 0), job_id)

    @precondition(lambda self: self.owner)
    @rule(which=picks, first=wishes | tasks, second=wishes | tasks, after=st.integers(0, 7))
    def race(self, which: int, first: Wish, second: Wish, after: int) -> None:
        """While one works at a job, another comes between two of its calls."""
        self.later(1)
        job_id = self.job_id(which)
        one, other = self.any_of(job_id, first), self.any_of(job_id, second)
        answers = self.world.interleaved(one.real, other.real, after=after)
        deeds = one.deed(answers[0]), other.deed(answers[1])
        ways = list(interleavings(self.model, *deeds))
        for model, *told in ways:
            if all(map(agrees, told, answers)) and self.is_so(model):
                self.model = model
                break
        else:
            raise AssertionError((first, second, answers, [told for _, *told in ways], self.seen()))
        self.check(job_id)

    # Rules: what the stream, the bus and the queues deliver.

    @precondition(lambda self: self.records)
    @rule(number=st.integers(1, 10), again=st.integers(0, 3))
    def tell(self, number: int, again: int) -> None:
        """A batch of the stream is handled; its end may come again with the next."""
        self.world.publish(self.records[:number])
        del self.records[: max(1, number - again)]
        self.collect()

    @precondition(lambda self: self.events["roll_up"])
    @rule(which=st.lists(picks, min_size=1, max_size=4), keep=st.booleans())
    def count(self, which: list[int], keep: bool) -> None:  # noqa: FBT001
        taken = [self.taken(self.events["roll_up"], each, keep=keep) for each in which if self.events["roll_up"]]
        self.world.roll_up(taken)

    @precondition(lambda self: self.events["schedule"])
    @rule(which=picks, keep=st.booleans())
    def schedule(self, which: int, keep: bool) -> None:  # noqa: FBT001
        self.admit(self.taken(self.events["schedule"], which, keep=keep))

    @rule(seconds=st.sampled_from([1, 100, 86_400]))
    def sleep(self, seconds: int) -> None:
        self.later(1000 * seconds)

    # Rules: what is seen.

    @rule(account=st.sampled_from(ACCOUNTS), query=queries, order=orders)
    def look(self, account: str, query: dict[str, Any], order: dict[str, Any]) -> None:
        self.compare_list(account, self.dated(query) | order)

    @rule(query=queries, order=orders, mixed=st.randoms(use_true_random=False))
    def settle(self, query: dict[str, Any], order: dict[str, Any], mixed: random.Random) -> None:
        """When everything has been delivered, everything is as the model says."""
        self.deliver_all(mixed)
        for account in ACCOUNTS:
            wanted = self.dated(query) | order
            self.compare_list(account, wanted, settled=True)
            self.compare_list(account, {"per_page": 3}, settled=True)
            span = {name: value for name, value in wanted.items() if name in ("from_date", "to_date")}
            for asked in ({}, span):
                answer = self.world.ask(account, "GET", "/jobs/stats", query=asked)
                told = self.model.statistics(account, asked)
                assert agrees((200, told), answer), (told, answer)
        self.compare_executions()

    # Always.

    @invariant()
    def slots_are_the_running_jobs(self) -> None:
        for account in (None, *ACCOUNTS):
            assert slots.running(account) == self.model.running(account)
        waits = {job.account for job in self.model.jobs.values() if job.status == "queued"}
        assert waits <= waiting.accounts(), "nobody would look after these when a slot is free"

    @invariant()
    def statuses_move_along_legal_edges(self) -> None:
        new = self.world.stream.read()
        self.records += new
        for record in new:
            old, now = (record["dynamodb"].get(image) for image in ("OldImage", "NewImage"))
            if old and now and (old["version"] != now["version"] or old["status"] != now["status"]):
                assert (old["status"]["S"], now["status"]["S"]) in LEGAL
                assert int(now["version"]["N"]) == int(old["version"]["N"]) + 1
            if old and not now:
                assert old["status"]["S"] not in RUNNING

    # Helpers.

    def later(self, milliseconds: int) -> None:
        self.world.clock.milliseconds += milliseconds
        self.model.now = self.world.clock.now()

    def job_id(self, which: int) -> str:
        """Any job that is there, and sometimes one that is not any more."""
        there = sorted(self.model.jobs) or sorted(self.owner)
        return sorted(self.owner)[which % len(self.owner)] if which == 20 else there[which % len(there)]

    def dated(self, query: dict[str, Any]) -> dict[str, Any]:
        """With the moments of creation of jobs in place of their numbers."""
        moments = sorted(job.created_at for job in self.model.jobs.values()) or [self.world.clock.now()]
        dates = {name: moments[query[name] % len(moments)] for name in ("from_date", "to_date") if name in query}
        return query | dates

    def taken(self, lying: list[dict[str, Any]], which: int, *, keep: bool) -> dict[str, Any]:
        """One of what lies there; kept, it comes again."""
        index = which % len(lying)
        return lying[index] if keep else lying.pop(index)

    def do(self, act: Act, *touched: str) -> None:
        self.later(1)
        answer = act.real()
        told = done(self.model, act.deed(answer))
        assert agrees(told, answer), (told, answer)
        self.check(*touched)

    def any_of(self, job_id: str, wish: Wish) -> Act:
        return self.steering(job_id, wish) if wish[0] in STEERING else self.working(job_id, wish, 0)

    def steering(self, job_id: str, wish: Wish, *, stranger: bool = False) -> Act:
        what, how = wish
        account = next(each for each in ACCOUNTS if (each == self.owner[job_id]) != stranger)
        method, path, body, query = STEERING[what](how)
        arguments = () if how is None else (how,)
        return Act(
            lambda: self.world.ask(account, method, f"/jobs/{job_id}{path}", body, query),
            lambda _: lambda model: getattr(model, what)(account, job_id, *arguments),
        )

    def arrival(self, event: dict[str, Any]) -> Act:
        found = event["detail"]["object"]
        job_id = found["key"].split("/")[1]
        return Act(lambda: self.world.arrived(event), lambda _: lambda model: model.arrive(job_id, found["size"]))

    def working(self, job_id: str, task: Wish, late: int) -> Act:
        what, how = task
        job = self.model.jobs.get(job_id)
        attempt = max(1, job.attempt - late) if job else 1
        if what == "admit":
            return Act(queue.admit_waiting, lambda admitted: lambda model: model.admit(admitted))
        if what == "validate":
            return Act(
                lambda: told_to_stop(lambda: validate(job_id, attempt, how)),
                lambda _: lambda model: model.validate(job_id, attempt, how, SIZE),
            )
        if what == "report":
            return Act(
                lambda: told_to_stop(lambda: report(job_id, attempt, how)),
                lambda _: lambda model: model.report(job_id, attempt),
            )
        if what == "make":
            alive = job is not None and job.status in RUNNING and job.attempt == attempt
            if not alive:
                return Act(lambda: None, lambda _: lambda _: None)
            return Act(
                lambda: make(job_id, attempt, how), lambda _: lambda model: model.make(job_id, attempt, how, MADE[how])
            )
        if what == "fail":
            return Act(
                lambda: fail(self.world, job_id, attempt, own_words=how),
                lambda code: lambda model: model.fail(job_id, attempt, code),
            )
        if what == "plan" and (job is None or job.duration is None):  # comes after the validation
            return Act(lambda: None, lambda _: lambda _: None)
        return Act(
            lambda: self.world.step(what, job_id, attempt),
            lambda _: lambda model: getattr(model, what)(job_id, attempt),
        )

    def admit(self, event: dict[str, Any]) -> None:
        """In the order of the queue, and nobody is overlooked."""
        self.later(1)
        admitted = self.world.schedule(event)
        for account in ACCOUNTS:
            queued = sorted((job for job in self.model.of(account) if job.status == "queued"), key=lambda job: job.rank)
            mine = [job_id for job_id in admitted if self.owner[job_id] == account]
            assert mine == [job.job_id for job in queued][: len(mine)]
        done(self.model, lambda model: model.admit(admitted))
        if event["detail"]["status"] != "processing":
            assert not self.model.overlooked()
        self.check(*admitted)

    def collect(self) -> None:
        for event in self.world.bus.read():
            for lying in self.events.values():
                lying.append(event)

    def deliver_all(self, mixed: random.Random) -> None:
        self.statuses_move_along_legal_edges()
        while self.records or any(self.events.values()):
            self.world.publish(self.records)
            self.records.clear()
            self.collect()
            for lying in self.events.values():
                mixed.shuffle(lying)
            while self.events["schedule"]:
                self.admit(self.events["schedule"].pop())
            self.world.roll_up(self.events["roll_up"])
            self.events["roll_up"].clear()
            self.statuses_move_along_legal_edges()

    # Comparisons.

    def check(self, *job_ids: str) -> None:
        """These jobs, in full, for their owner and for a stranger; all jobs, in a few words, for one account."""
        for job_id in job_ids:
            for account in ACCOUNTS:
                answer = self.world.ask(account, "GET", f"/jobs/{job_id}")
                told = done(self.model, lambda model: model.read(account, job_id))  # noqa: B023 - done at once
                assert agrees(told, answer), (told, answer)
        assert self.is_so(self.model), (self.seen(), self.model)

    def seen(self) -> dict[str, list[Any]]:
        """Every job that ever was, asked for by each account."""
        ids = [*self.owner, UNKNOWN]
        return {
            account: self.world.ask(account, "POST", "/jobs/batch-status", {"job_ids": ids}).body["jobs"]
            for account in ACCOUNTS
        }

    def is_so(self, model: Model) -> bool:
        expected = {
            account: [brief(model, account, job_id) for job_id in (*self.owner, UNKNOWN)] for account in ACCOUNTS
        }
        return contains(self.seen(), expected)

    def compare_list(self, account: str, query: dict[str, Any], *, settled: bool = False) -> None:
        """By page and by cursor. Totals and parts of names may lag until the stream has been read."""
        expected = [self.model.listed(job) for job in self.model.select(account, query)]
        pages: list[Any] = []
        while not pages or pages[-1]["next_cursor"]:
            cursor = {"cursor": pages[-1]["next_cursor"]} if pages else {}
            answer = self.world.ask(account, "GET", "/jobs", query=query | cursor)
            assert answer.status == 200, answer
            pages.append(answer.body)
            assert len(pages) < 40, "the list has no end"
        found = [job for page in pages for job in page["jobs"]]
        assert len(found) == len(expected), (found, expected)
        assert contains(found, expected), (found, expected)
        for job in found:
            assert (job["progress"] == 100) == (job["status"] == "completed")
        for page in pages if settled else []:
            known = page["total_relation"] == "eq"
            assert page["total"] == len(expected) if known else page["total"] <= len(expected)
        numbered = range(1, 2 + len(expected) // query["per_page"])
        paged = [self.world.ask(account, "GET", "/jobs", query=query | {"page": number}).body for number in numbered]
        assert [job["job_id"] for page in paged for job in page["jobs"]] == [job["job_id"] for job in expected]

    def compare_executions(self) -> None:
        """What runs has been started, and what was cancelled computes no more."""
        executions = self.world.executions()
        for job in self.model.jobs.values():
            if job.status in RUNNING:
                assert executions[f"{job.job_id}-{job.attempt}"] == "RUNNING"
        for name in self.model.stopped & executions.keys():
            assert executions[name] == "ABORTED"


STEERING: dict[str, Callable[[Any], tuple[str, str, Any, Any]]] = {
    "read": lambda _: ("GET", "", None, None),
    "cancel": lambda _: ("POST", "/cancel", None, None),
    "retry": lambda origin: ("POST", "/retry", {"from": origin}, None),
    "prioritise": lambda priority: ("PATCH", "/priority", {"priority": priority}, None),
    "delete": lambda files: ("DELETE", "", None, {"delete_files": str(files).lower()}),
}
SIZE = 900  # bytes, as validation finds them
MADE = {"media": {"360p": 300, "audio": 20}, "transcribe": {"transcript_txt": 7}}


def told_to_stop(act: Callable[[], None]) -> None:
    """A task that is told so ends."""
    with suppress(Stopped, NotFound):
        act()


def validate(job_id: str, attempt: int, duration: float) -> None:
    sound = AudioFacts(index=0, codec="aac", channels=2, sample_rate=48000)
    facts = SourceFacts(
        container="mp4", duration_seconds=duration, size_bytes=SIZE, sha256="0" * 64, video=None, audio=sound
    )
    jobs.record_source(job_id, attempt, facts)
    report(job_id, attempt, 100, "validate_video")


def report(job_id: str, attempt: int, percent: float, task: str = "transcode_360p") -> None:
    progress.report(job_id, attempt, {task: TaskProgress(status="running", progress=percent)})


def make(job_id: str, attempt: int, task: str) -> None:
    """Outputs, then their manifest."""
    objects, outputs = Objects.from_environment(), []
    for name, size in MADE[task].items():
        key = f"{output_prefix(job_id)}{name}"
        objects.client.put_object(Bucket="media", Key=key, Body=b"x" * size)
        outputs.append(Output(name=name, key=key, size_bytes=size, sha256="1" * 64, content_type="video/mp4"))
    manifest = TaskManifest(task=task, attempt=attempt, outputs=outputs, seconds={})
    objects.write_json(manifest_key(job_id, task), manifest.model_dump(mode="json"))


def fail(world: World, job_id: str, attempt: int, *, own_words: bool) -> str:
    """Gives the code that the job fails with."""
    if own_words:
        told_to_stop(
            lambda: progress.record_failure(job_id, attempt, Failure(code="undecodable", message="Export it."))
        )
    reported = progress.read(job_id)
    world.step("fail", job_id, attempt, failure={"Error": "TaskCrashed"})
    return reported.failure.code if reported and reported.failure else "task_crashed"


def brief(model: Model, account: str, job_id: str) -> dict[str, Any]:
    job = model.jobs.get(job_id)
    if job is None:
        return {"job_id": job_id, "error": "not_found"}
    return model.brief(job, heard=True) if job.account == account else {"job_id": job_id, "error": "forbidden"}


def agrees(told: Any, answer: Any) -> bool:
    """Whether the caller was told so; only those of the API are told anything."""
    return not isinstance(answer, Answer) or (answer.status == told[0] and contains(answer.body, told[1]))


def contains(found: Any, expected: Any) -> bool:
    """Whether everything that is expected was found, perhaps beside other things."""
    if isinstance(expected, dict) and isinstance(found, dict):
        return all(name in found and contains(found[name], value) for name, value in expected.items())
    if isinstance(expected, list) and isinstance(found, list):
        return len(found) == len(expected) and all(map(contains, found, expected))
    return bool(found == expected)


Api.TestCase.settings = settings(
    max_examples=EXAMPLES or 6,
    derandomize=not EXAMPLES,
    database=None,
    phases=[Phase.generate, *([Phase.shrink] if os.environ.get("API_MACHINE_SHRINK") else [])],
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestApi = pytest.mark.filterwarnings("default")(Api.TestCase)
