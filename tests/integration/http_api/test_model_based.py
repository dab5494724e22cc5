"""The whole API against a plain model: two tenants, concurrent actors, events that come twice, late, in any order.

`API_MACHINE_EXAMPLES=300 python -m pytest tests/integration/test_api_machine.py` looks longer, at other examples each
time; with `API_MACHINE_SHRINK=1` a failure is made as small as it can be, which takes minutes.
"""

import csv
import io
import os
import random
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mediajobs.accounts import quota_store
from mediajobs.errors import NotFound, Stopped
from mediajobs.jobs import concurrency_store, job_store, progress_store, waiting_account_store
from mediajobs.jobs.model import Failure
from mediajobs.jobs.progress import TaskProgress
from mediajobs.media.manifests import Output, TaskManifest
from mediajobs.media.source import AudioFacts, SourceFacts
from mediajobs.pipeline import admission_service
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.object_keys import manifest_key, output_prefix
from mediajobs.timestamps import from_milliseconds
from tests.support.api_model import LEGAL, RUNNING, Action, Job, Model, Reason, done, interleavings, unfinished_runs
from tests.support.clocks import START
from tests.support.deployment import Answer, Deployment

ACCOUNTS = ("acme", "zeta")
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
BATCHES = ["b0", "b1"]
MOST_JOBS = 7
PLACES = {"zeta": 3}  # how many open jobs an account may have
BEGINNING = str(from_milliseconds(START))
EXAMPLES = int(os.environ.get("API_MACHINE_EXAMPLES", "0"))
NAMES = [
    "talk.mp4", "Talk TALK talk 2.MP4", "talk", "=cmd|' C calc'!A0.mov", "+1.mp4", "@sum.mp4", "-2+3.mp4", "#", "null",
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
        "batch_id": st.sampled_from(BATCHES),
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
    st.tuples(st.sampled_from(["arrive", "plan", "publish"]), st.none()),
    st.tuples(st.just("make"), st.sampled_from(["media", "transcribe"])),
    st.tuples(st.just("fail"), st.booleans()),
    st.tuples(st.just("admit"), st.none()),
    st.tuples(st.just("count"), st.integers(0, 20)),
)
picks = st.integers(0, 20)
queries = st.fixed_dictionaries(
    {},
    optional={
        "status": st.lists(st.sampled_from(["pending", "queued", "failed", "cancelled"]), min_size=1, max_size=3),
        "priority": st.integers(1, 10),
        "batch_id": st.sampled_from(BATCHES),
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
changes = st.sampled_from(
    [
        *[("cancel", None), ("delete", False), ("retry", "start"), ("prioritise", 9)],
        *[("fail", False), ("publish", None), ("arrive", None), ("admit", None)],
    ]
)
Wish = tuple[str, Any]


@dataclass(frozen=True)
class Act:
    """What is really done, and what that is in the model, where it may depend on how it really went."""

    real: Callable[[], Any]
    action: Callable[[Any], Action]


def nothing(_: Any) -> Action:
    return lambda _: None


NOTHING = Act(lambda: None, nothing)


class Api(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.deployment, self.model = Deployment(ACCOUNTS), Model(places=PLACES)
        for account, places in PLACES.items():
            quota_store.change(account, {"concurrent_jobs": places})
        self.owner: dict[str, str] = {}  # of every job that ever was
        self.fetched: set[str] = set()
        self.refused: set[str] = set()  # accounts: there was no slot for a job of theirs
        self.records: list[dict[str, Any]] = []
        self.events: dict[str, list[dict[str, Any]]] = {"schedule": [], "update_statistics": []}
        self.later(0)

    def teardown(self) -> None:
        self.deployment.close()

    # Rules: what owners and strangers do.

    @precondition(lambda self: len(self.model.jobs) < MOST_JOBS)
    @rule(account=st.sampled_from(ACCOUNTS), fields=jobs_to_be, again=st.none() | st.integers(0, 12))
    def create(self, account: str, fields: dict[str, Any], again: int | None) -> None:
        """The request may be sent again, also while the first one works: the job is there once."""
        self.later(1)

        def ask() -> Answer:
            return self.deployment.ask(account, "POST", "/jobs", fields, headers={"Idempotency-Key": self.model.now})

        answer, other = (ask(), None) if again is None else self.deployment.interleaved(ask, ask, after=again)
        if other is not None and answer.status == 409:  # the second one was quicker
            answer, other = other, answer
        if account in self.model.places and self.model.open_jobs(account) >= self.model.places[account]:
            assert answer.status == 429, answer
            return
        assert other is None or other.status == 409 or other.body == answer.body
        self.created(account, fields, answer)

    @precondition(lambda self: any(job.status in ("failed", "cancelled") for job in self.model.jobs.values()))
    @rule(
        account=st.sampled_from(ACCOUNTS),
        wanted=queries,
        statuses=st.lists(st.sampled_from(["failed", "cancelled"]), max_size=2),
        origin=st.sampled_from(["failed_task", "start"]),
        mixed=st.randoms(use_true_random=False),
    )
    def retry_many(
        self, account: str, wanted: dict[str, Any], statuses: list[str], origin: str, mixed: random.Random
    ) -> None:
        if "search" in wanted:  # parts of names are found when the stream has been read
            self.deliver_all(mixed)
        wanted = self.dated(wanted)
        wanted.pop("status", None)
        wanted |= {"status": statuses} if statuses else {}
        body = {"filter": wanted, "from": origin}
        told = lambda _: lambda model: model.retry_many(account, wanted, origin)  # noqa: E731
        self.do(Act(lambda: self.deployment.ask(account, "POST", "/jobs/retry", body), told), *self.model.jobs)

    @precondition(lambda self: self.owner)
    @rule(which=picks, by=st.sampled_from([*["owner"] * 5, "stranger"]), wish=wishes)
    def steer(self, which: int, by: str, wish: Wish) -> None:
        self.do(self.steering(self.job_id(which), wish, stranger=by == "stranger"), self.job_id(which))

    # Rules: what the machinery does.

    @precondition(lambda self: self.owner)
    @rule(which=picks, size=st.integers(1, 30), at_once=st.booleans(), true_size=st.sampled_from([True, True, False]))
    def upload(self, which: int, size: int, at_once: bool, true_size: bool) -> None:  # noqa: FBT001
        """The presigned URL takes one source, as long as it is good: after a cancel and a deletion too."""
        job_id = self.job_id(which)
        job = self.model.jobs.get(job_id)
        if true_size and job and job.size_bytes is not None and job.size_bytes <= 30:
            size = job.size_bytes
        if job_id not in self.fetched and "source" not in self.model.files.get(job_id, ()):
            self.deployment.upload(job_id, size)
            self.model.upload(job_id, size)
        if at_once:
            self.do(self.working(job_id, ("arrive", None), 0), job_id)

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
        self.raced(self.job_id(which), first, second, after)

    @precondition(lambda self: self.owner)
    @rule(which=picks, first=changes, second=changes, after=st.integers(1, 3))
    def collide(self, which: int, first: Wish, second: Wish, after: int) -> None:
        """The same where it hurts most: two who write, one between the other's read and its write."""
        self.raced(self.job_id(which), first, second, after)

    @precondition(lambda self: self.owner)
    @rule(which=picks, task=tasks, after=st.integers(0, 7))
    def die(self, which: int, task: Wish, after: int) -> None:
        """One of its calls is refused: some of its parts are done, and nothing is lost that nobody would look for."""
        self.later(1)
        job_id = self.job_id(which)
        act = self.working(job_id, task, 0)
        answer = self.deployment.dying(act.real, after=after)
        if task[0] == "admit":
            answer = sorted(concurrency_store.running() - self.model.running())
        why = []
        for model in unfinished_runs(self.model, act.action(answer)):
            wrong = self.unlike(model, job_id)
            if not wrong:
                self.model = model
                return
            why.append(wrong)
        raise AssertionError(why)

    # Rules: what the stream, the bus and the queues deliver.

    @precondition(lambda self: self.records)
    @rule(number=st.integers(1, 10), again=st.integers(0, 3))
    def tell(self, number: int, again: int) -> None:
        """A batch of the stream is handled; its end may come again with the next."""
        self.deployment.publish(self.records[:number])
        del self.records[: max(1, number - again)]
        self.collect()

    @precondition(lambda self: self.events["update_statistics"])
    @rule(which=st.lists(picks, min_size=1, max_size=4), keep=st.booleans())
    def count(self, which: list[int], keep: bool) -> None:  # noqa: FBT001
        taken = [
            self.taken(self.events["update_statistics"], each, keep=keep)
            for each in which
            if self.events["update_statistics"]
        ]
        self.deployment.update_statistics(taken)

    @precondition(lambda self: self.events["schedule"])
    @rule(which=picks, keep=st.booleans())
    def schedule(self, which: int, keep: bool) -> None:  # noqa: FBT001
        self.admit(self.taken(self.events["schedule"], which, keep=keep))

    @rule(seconds=st.sampled_from([1, 100, 86_400]))
    def sleep(self, seconds: int) -> None:
        self.later(1000 * seconds)

    # Rules: what is seen.

    @precondition(lambda self: self.model.jobs)
    @rule(account=st.sampled_from(ACCOUNTS), query=queries, order=orders)
    def look(self, account: str, query: dict[str, Any], order: dict[str, Any]) -> None:
        self.compare_list(account, self.dated(query) | order)

    @precondition(lambda self: self.owner)
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
                answer = self.deployment.ask(account, "GET", "/jobs/stats", query=asked)
                told = self.model.statistics(account, asked)
                assert not amiss((200, told), answer)
            self.compare_exports(account, wanted)
            for batch_id in BATCHES:
                self.compare_batch(account, batch_id)
            self.compare_usage(account)
        self.compare_executions()

    # Always.

    @invariant()
    def slots_are_the_running_jobs(self) -> None:
        for account in (None, *ACCOUNTS):
            assert concurrency_store.running(account) == self.model.running(account)
        waits = {job.account for job in self.model.jobs.values() if job.status == "queued"}
        assert waits <= waiting_account_store.read().accounts, "nobody would look after these when a slot is free"

    @invariant()
    def statuses_move_along_legal_edges(self) -> None:
        new = self.deployment.stream.read()
        self.records += new
        for record in new:
            old, now = (record["dynamodb"].get(image) for image in ("OldImage", "NewImage"))
            if old and now and (old["version"] != now["version"] or old["status"] != now["status"]):
                assert (old["status"]["S"], now["status"]["S"]) in LEGAL
                assert int(now["version"]["N"]) == int(old["version"]["N"]) + 1
            if old and not now:
                assert old["status"]["S"] not in RUNNING

    # Helpers.

    def created(self, account: str, fields: dict[str, Any], answer: Answer) -> None:
        fetched = "source_url" in fields
        assert answer.status == (202 if fetched else 201), answer
        job_id = answer.body["job_id"]
        known = {name: value for name, value in fields.items() if name != "source_url"}
        status = "queued" if fetched else "pending"
        job = Job(job_id, account, created_at=self.model.now, fetched=fetched, status=status, **known)
        self.model.create(job)
        self.owner[job_id] = account
        self.fetched |= {job_id} if fetched else set()
        self.check(job_id)

    def later(self, milliseconds: int) -> None:
        self.deployment.clock.milliseconds += milliseconds
        self.model.now = self.deployment.clock.now()

    def job_id(self, which: int) -> str:
        """Any job that is there, and sometimes one that is not any more."""
        there = sorted(self.model.jobs) or sorted(self.owner)
        return sorted(self.owner)[which % len(self.owner)] if which == 20 else there[which % len(there)]

    def dated(self, query: dict[str, Any]) -> dict[str, Any]:
        """With the moments of creation of jobs in place of their numbers."""
        moments = sorted(job.created_at for job in self.model.jobs.values()) or [self.deployment.clock.now()]
        dates = {name: moments[query[name] % len(moments)] for name in ("from_date", "to_date") if name in query}
        return query | dates

    def taken(self, lying: list[dict[str, Any]], which: int, *, keep: bool) -> dict[str, Any]:
        """One of what lies there; kept, it comes again."""
        index = which % len(lying)
        return lying[index] if keep else lying.pop(index)

    def do(self, act: Act, *touched: str) -> None:
        self.later(1)
        answer = act.real()
        told = done(self.model, act.action(answer))
        assert not amiss(told, answer)
        self.check(*touched)

    def raced(self, job_id: str, first: Wish, second: Wish, after: int) -> None:
        self.later(1)
        one, other = self.any_of(job_id, first), self.any_of(job_id, second)
        answers = self.deployment.interleaved(one.real, other.real, after=after)
        actions = one.action(answers[0]), other.action(answers[1])
        why = []
        for model, *told in interleavings(self.model, *actions):
            wrong = [*amiss(told[0], answers[0]), *amiss(told[1], answers[1]), *self.unlike(model, job_id)]
            if not wrong:
                self.model = model
                return
            why.append(wrong)
        raise AssertionError(why)

    def any_of(self, job_id: str, wish: Wish) -> Act:
        return self.steering(job_id, wish) if wish[0] in STEERING else self.working(job_id, wish, 0)

    def steering(self, job_id: str, wish: Wish, *, stranger: bool = False) -> Act:
        what, how = wish
        account = next(each for each in ACCOUNTS if (each == self.owner[job_id]) != stranger)
        method, path, body, query = STEERING[what](how)
        arguments = () if how is None else (how,)
        return Act(
            lambda: self.deployment.ask(account, method, f"/jobs/{job_id}{path}", body, query),
            lambda _: lambda model: getattr(model, what)(account, job_id, *arguments),
        )

    def working(self, job_id: str, task: Wish, late: int) -> Act:
        """What a part of the machinery does for a job; `late`: it speaks of so many attempts ago."""
        what, how = task
        job = self.model.jobs.get(job_id)
        attempt = max(1, job.attempt - late) if job else 1
        act: Act = getattr(self, f"to_{what}")(job_id, attempt, how)
        return act

    def to_arrive(self, job_id: str, _attempt: int, _how: None) -> Act:
        size = self.model.uploaded.get(job_id)
        if size is None:
            return NOTHING
        return Act(lambda: self.deployment.arrived(job_id, size), lambda _: lambda model: model.arrive(job_id, size))

    def to_admit(self, _job_id: str, _attempt: int, _how: None) -> Act:
        return Act(admission_service.admit_waiting, lambda admitted: lambda model: model.admit(admitted))

    def to_count(self, _job_id: str, _attempt: int, which: int) -> Act:
        """An event is counted that will come again."""
        if not self.events["update_statistics"]:
            return NOTHING
        event = self.taken(self.events["update_statistics"], which, keep=True)
        return Act(lambda: self.deployment.update_statistics([event]), nothing)

    def to_validate(self, job_id: str, attempt: int, duration: float) -> Act:
        size = self.model.uploaded.get(job_id, FETCHED)
        return Act(
            lambda: told_to_stop(lambda: validate(job_id, attempt, duration, size)),
            lambda _: lambda model: model.validate(job_id, attempt, duration, size),
        )

    def to_report(self, job_id: str, attempt: int, percent: int) -> Act:
        return Act(
            lambda: told_to_stop(lambda: report(job_id, attempt, percent)),
            lambda _: lambda model: model.report(job_id, attempt, percent),
        )

    def to_plan(self, job_id: str, attempt: int, _how: None) -> Act:
        job = self.model.jobs.get(job_id)
        if job is None or job.duration is None:  # it has to be validated first
            return NOTHING
        return Act(
            lambda: told_to_stop(lambda: self.deployment.step("plan", job_id, attempt)),
            lambda _: lambda model: model.plan(job_id, attempt),
        )

    def to_make(self, job_id: str, attempt: int, task: str) -> Act:
        job = self.model.jobs.get(job_id)
        if job is None or not job.is_in(attempt, *RUNNING):  # a task looks whether it is still wanted
            return NOTHING
        return Act(
            lambda: make(job_id, attempt, task), lambda _: lambda model: model.make(job_id, attempt, task, MADE[task])
        )

    def to_publish(self, job_id: str, attempt: int, _how: None) -> Act:
        return Act(
            lambda: told_to_stop(lambda: self.deployment.step("publish", job_id, attempt)),
            lambda _: lambda model: model.publish(job_id, attempt),
        )

    def to_fail(self, job_id: str, attempt: int, own_words: bool) -> Act:  # noqa: FBT001
        return Act(
            lambda: fail(self.deployment, job_id, attempt, own_words=own_words),
            lambda code: lambda model: model.fail(job_id, attempt, code, own_words=own_words),
        )

    def admit(self, event: dict[str, Any]) -> None:
        """In the order of the queue; nobody is overlooked whose event this is, or who was refused at an earlier one."""
        self.later(1)
        admitted = self.deployment.schedule(event)
        for account in ACCOUNTS:
            queued = sorted((job for job in self.model.of(account) if job.status == "queued"), key=lambda job: job.rank)
            mine = [job_id for job_id in admitted if self.owner[job_id] == account]
            assert mine == [job.job_id for job in queued][: len(mine)]
        done(self.model, lambda model: model.admit(admitted))
        if event["detail"]["status"] != "processing":
            looked_at = self.refused | {event["detail"]["account"]}
            assert not self.model.overlooked(looked_at)
            self.refused = {job.account for job in self.model.waiting(looked_at)}
        self.check(*admitted)

    def collect(self) -> None:
        for event in self.deployment.bus.read():
            for lying in self.events.values():
                lying.append(event)

    def deliver_all(self, mixed: random.Random) -> None:
        self.statuses_move_along_legal_edges()
        while self.records or any(self.events.values()):
            self.deployment.publish(self.records)
            self.records.clear()
            self.collect()
            for lying in self.events.values():
                mixed.shuffle(lying)
            while self.events["schedule"]:
                self.admit(self.events["schedule"].pop())
            self.deployment.update_statistics(self.events["update_statistics"])
            self.events["update_statistics"].clear()
            self.statuses_move_along_legal_edges()

    # Comparisons.

    def check(self, *job_ids: str) -> None:
        assert not self.unlike(self.model, *job_ids)

    def unlike(self, model: Model, *job_ids: str) -> list[str]:
        """In what the jobs are not as the model says: these in full, all that ever were in a few words; each for its
        owner and for a stranger."""
        wrong = []
        for account in ACCOUNTS:
            ids = [*self.owner, UNKNOWN]
            answer = self.deployment.ask(account, "POST", "/jobs/batch-status", {"job_ids": ids})
            wrong += amiss((200, {"jobs": [brief(model, account, job_id) for job_id in ids]}), answer)
            for job_id in job_ids:
                told = done(model, lambda model: model.read(account, job_id))  # noqa: B023 - done at once
                wrong += amiss(told, self.deployment.ask(account, "GET", f"/jobs/{job_id}"))
        return wrong

    def compare_list(self, account: str, query: dict[str, Any], *, settled: bool = False) -> None:
        """By page and by cursor. Totals, and what is found by a part of its name, may lag until all is settled."""
        expected = [self.model.listed(job) for job in self.model.select(account, query)]
        pages: list[Any] = []
        while not pages or pages[-1]["next_cursor"]:
            cursor = {"cursor": pages[-1]["next_cursor"]} if pages else {}
            answer = self.deployment.ask(account, "GET", "/jobs", query=query | cursor)
            assert answer.status == 200, answer
            pages.append(answer.body)
            assert len(pages) < 40, "the list has no end"
        found = [job for page in pages for job in page["jobs"]]
        if "search" in query and not settled:
            ids = [job["job_id"] for job in found]
            expected = [job for job in expected if job["job_id"] in ids]
        assert not missing(found, expected), query
        for job in found:
            assert (job["progress"] == 100) == (job["status"] == "completed")
        for page in pages if settled else []:
            known = page["total_relation"] == "eq"
            right = page["total"] == len(expected) if known else page["total"] <= len(expected)
            assert right, (query, page, expected)
        if not settled:
            return
        numbered = range(1, 2 + len(expected) // query["per_page"])
        paged = [
            self.deployment.ask(account, "GET", "/jobs", query=query | {"page": number}).body for number in numbered
        ]
        assert [job["job_id"] for page in paged for job in page["jobs"]] == [job["job_id"] for job in expected]

    def compare_exports(self, account: str, query: dict[str, Any]) -> None:
        """The list's own content, in its order."""
        asked = {name: value for name, value in query.items() if name != "per_page"}
        shown = self.deployment.ask(account, "GET", "/jobs", query=asked).body["jobs"]
        answer = self.deployment.ask(account, "GET", "/jobs/export", query=asked | {"format": "json"})
        assert (answer.status, answer.body) == (200, shown)
        answer = self.deployment.ask(account, "GET", "/jobs/export", query=asked | {"format": "csv"})
        header, *rows = csv.reader(io.StringIO(answer.body, newline=""))
        told = [dict(zip(header, row, strict=True)) for row in rows]
        assert [bare(row) for row in told] == [bare(job) for job in shown]
        assert not [cell for row in rows for cell in row if cell.lstrip(' "').startswith(RUN_BY_SPREADSHEETS)]

    def compare_batch(self, account: str, batch_id: str) -> None:
        answer = self.deployment.ask(account, "GET", f"/batches/{batch_id}", query={"per_page": 2})
        assert not amiss(done(self.model, lambda model: model.batch(account, batch_id, 2)), answer)

    def compare_usage(self, account: str) -> None:
        told = Counter(kind for who, kind in self.deployment.asked if who == account)
        answer = self.deployment.ask(account, "GET", "/usage", query={"from_date": BEGINNING})
        assert not amiss((200, self.model.usage(account)), answer)
        days = [Counter(day["by_status_class"]) for day in answer.body["requests"]["by_day"]]
        assert sum(days, Counter()) == told + Counter({"2xx": 1}), (days, told)  # this request is counted, too

    def compare_executions(self) -> None:
        """What runs has been started, and what was cancelled computes no more."""
        executions = self.deployment.executions()
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
FETCHED = 900  # bytes of a source that nobody uploaded
RUN_BY_SPREADSHEETS = ("=", "+", "-", "@")
MADE = {"media": {"360p": 300, "audio": 20}, "transcribe": {"transcript_txt": 7}}


def told_to_stop(act: Callable[[], object]) -> None:
    """A task that is told so ends; so does the execution of a job that is gone."""
    with suppress(Stopped, NotFound):
        act()


def validate(job_id: str, attempt: int, duration: float, size: int) -> None:
    sound = AudioFacts(index=0, codec="aac", channels=2, sample_rate=48000)
    facts = SourceFacts(
        container="mp4", duration_seconds=duration, size_bytes=size, sha256="0" * 64, video=None, audio=sound
    )
    job_store.record_source(job_id, attempt, facts)
    report(job_id, attempt, 100, "validate_video")


def report(job_id: str, attempt: int, percent: float, task: str = "transcode_360p") -> None:
    progress_store.report(job_id, attempt, {task: TaskProgress(status="running", progress=percent)})


def make(job_id: str, attempt: int, task: str) -> None:
    """Outputs, then their manifest."""
    objects, outputs = MediaBucket.from_environment(), []
    for name, size in MADE[task].items():
        key = f"{output_prefix(job_id)}{name}"
        objects.client.put_object(Bucket="media", Key=key, Body=b"x" * size)
        outputs.append(Output(name=name, key=key, size_bytes=size, sha256="1" * 64, content_type="video/mp4"))
    manifest = TaskManifest(task=task, attempt=attempt, outputs=outputs, seconds={})
    objects.write_json(manifest_key(job_id, task), manifest.model_dump(mode="json"))


def fail(deployment: Deployment, job_id: str, attempt: int, *, own_words: bool) -> str:
    """Gives the code that the job fails with."""
    if own_words:
        told_to_stop(
            lambda: progress_store.record_failure(job_id, attempt, Failure(code="undecodable", message="Export it."))
        )
    reported = progress_store.read(job_id)
    deployment.step("fail", job_id, attempt, failure={"Error": "TaskCrashed"})
    return reported.failure.code if reported and reported.failure else "task_crashed"


def brief(model: Model, account: str, job_id: str) -> dict[str, Any]:
    job = model.jobs.get(job_id)
    if job is None:
        return {"job_id": job_id, "error": "not_found"}
    return model.brief(job, heard=True) if job.account == account else {"job_id": job_id, "error": "forbidden"}


def amiss(told: Any, answer: Any) -> list[str]:
    """What the caller should have been told and was not; only those of the API are told anything."""
    if not isinstance(answer, Answer):
        return []
    status, body = told
    if answer.status != status:
        return [f"{answer.status} {answer.body} instead of {status} {body}"]
    return [] if isinstance(body, Reason) else missing(answer.body, body)


def bare(row: dict[str, Any]) -> dict[str, str]:
    """A row as text, without what keeps a spreadsheet from running it."""
    return {name: "" if value is None else str(value).replace("'", "") for name, value in row.items()}


def missing(found: Any, expected: Any, at: str = "") -> list[str]:
    """What was expected and not found; there may be other things beside it."""
    if isinstance(expected, dict) and isinstance(found, dict):
        pairs = [(name, found.get(name, "nothing"), value) for name, value in expected.items()]
    elif isinstance(expected, list) and isinstance(found, list) and len(found) == len(expected):
        pairs = [(str(index), *pair) for index, pair in enumerate(zip(found, expected, strict=True))]
    else:
        return [] if found == expected else [f"{at}: {found!r} instead of {expected!r}"]
    return [line for name, its, wanted in pairs for line in missing(its, wanted, f"{at}/{name}")]


Api.TestCase.settings = settings(
    max_examples=EXAMPLES or 8,
    derandomize=not EXAMPLES,
    database=None,
    phases=[Phase.generate, *([Phase.shrink] if os.environ.get("API_MACHINE_SHRINK") else [])],
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
TestApi = pytest.mark.filterwarnings("default")(Api.TestCase)
