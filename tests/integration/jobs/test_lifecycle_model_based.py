"""No order of events, copies, late ones or races makes an illegal step: hypothesis looks for one in the real store.

A race is made on purpose: between the moment an actor has read a job and the moment it writes, another actor acts.
"""

import contextlib
import os
from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import boto3
import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from moto import mock_aws

from mediajobs import clock
from mediajobs.accounts import quota_store
from mediajobs.commands import job_command_service
from mediajobs.errors import Conflict, NotFound, QuotaExceeded, Stopped
from mediajobs.jobs import concurrency_store, job_store, progress_store, transition_store
from mediajobs.jobs.lifecycle import TERMINAL, Status, queue_rank
from mediajobs.jobs.model import Job
from mediajobs.jobs.progress import TaskProgress, overall_percent
from mediajobs.jobs.tables import DELETED, JobRow
from mediajobs.pipeline import admission_service
from tests.support.template import make_tables

ACCOUNTS = ("acme", "zeta")
ACCOUNT_LIMIT, SYSTEM_LIMIT = 2, 3
QUOTA = {"acme": 2}  # open jobs; the other account has none
SETTINGS = {
    "JOBS_TABLE": "JobsTable",
    "API_KEYS_TABLE": "ApiKeysTable",
    "COUNTERS_TABLE": "CountersTable",
    "MEDIA_BUCKET": "media",
    "ACCOUNT_CONCURRENCY": str(ACCOUNT_LIMIT),
    "SYSTEM_CONCURRENCY": str(SYSTEM_LIMIT),
}
# Written down here a second time on purpose: from the design, not from the code.
LEGAL = {
    ("pending", "queued"), ("queued", "processing"), ("processing", "transcoding"), ("transcoding", "uploading"),
    ("uploading", "completed"), ("failed", "queued"), ("cancelled", "queued"),
} | {
    (status, end)
    for status in ("pending", "queued", "processing", "transcoding", "uploading")
    for end in ("failed", "cancelled")
}  # fmt: skip
RUNNING = {"processing", "transcoding", "uploading"}

Action = tuple[str, int, int]  # what, of which job, about which attempt
actions = st.tuples(
    st.sampled_from(
        ["upload", "admit", "plan", "finish", "publish", "fail", "cancel", "retry", "report", "prioritise", "delete"]
    ),
    st.integers(0, 3),
    st.integers(1, 3),
)


class JobLife(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.aws = mock_aws()
        self.aws.start()
        self.environment = patch.dict(os.environ, SETTINGS)
        self.environment.start()
        make_tables(boto3.client("dynamodb"))
        boto3.client("s3").create_bucket(Bucket="media")
        self.ids: list[str] = []
        self.deleted: set[str] = set()
        self.steps: list[tuple[Job, Status]] = []
        self.percent: dict[tuple[str, int], int] = {}

    def teardown(self) -> None:
        self.environment.stop()
        self.aws.stop()

    @precondition(lambda self: len(self.ids) < 4)
    @rule(account=st.sampled_from(ACCOUNTS), priority=st.integers(1, 10))
    def create(self, account: str, priority: int) -> None:
        job_id, moment = f"J{len(self.ids)}", clock.now()
        with contextlib.suppress(QuotaExceeded):
            job_store.create(
                Job(
                    job_id=job_id,
                    account=account,
                    status=Status.PENDING,
                    priority=priority,
                    filename="a.mp4",
                    created_at=moment,
                    updated_at=moment,
                ),
                quota=QUOTA.get(account),
            )
            self.ids.append(job_id)

    @precondition(lambda self: self.ids)
    @rule(action=actions, copies=st.integers(1, 2))
    def act(self, action: Action, copies: int) -> None:
        """One actor, perhaps twice: queues and streams deliver at least once."""
        with self.recorded():
            for _ in range(copies):
                self.perform(action)

    @precondition(lambda self: self.ids)
    @rule(first=actions, second=actions)
    def race(self, first: Action, second: Action) -> None:
        """The second actor acts between the first one's read and its write."""
        pending = [second]
        commit, remove = transition_store._commit, job_store.remove

        def late(*arguments: Any) -> None:
            if pending:
                self.perform(pending.pop())
            commit(*arguments)

        def late_removal(*arguments: Any, **how: Any) -> bool:
            if pending:
                self.perform(pending.pop())
            return remove(*arguments, **how)

        with (
            self.recorded(),
            patch.object(transition_store, "_commit", late),
            patch.object(job_store, "remove", late_removal),
        ):
            self.perform(first)

    def recorded(self) -> Any:
        commit = transition_store._commit

        def noting(job: Job, wanted: Status, *rest: Any) -> None:
            commit(job, wanted, *rest)
            self.steps.append((job, wanted))

        return patch.object(transition_store, "_commit", noting)

    def perform(self, action: Action) -> None:
        what, index, attempt = action
        job_id = self.ids[index % len(self.ids)]
        deeds: dict[str, Callable[[], Any]] = {
            "upload": lambda: transition_store.transition(job_id, Status.QUEUED, attempt=1),
            "admit": lambda: [admission_service.admit(account) for account in ACCOUNTS],
            "plan": lambda: transition_store.transition(job_id, Status.TRANSCODING, attempt=attempt),
            "finish": lambda: transition_store.transition(job_id, Status.UPLOADING, attempt=attempt),
            "publish": lambda: transition_store.transition(job_id, Status.COMPLETED, attempt=attempt),
            "fail": lambda: transition_store.transition(job_id, Status.FAILED, attempt=attempt),
            "cancel": lambda: transition_store.transition(job_id, Status.CANCELLED),
            "retry": lambda: self.retry(job_id),
            "report": lambda: self.report(job_id, attempt, 10 * index),
            "prioritise": lambda: job_store.set_priority(job_store.get(job_id), 1 + 3 * attempt),
            "delete": lambda: self.delete(job_id),
        }
        with contextlib.suppress(Stopped, Conflict, NotFound):
            deeds[what]()

    def retry(self, job_id: str) -> None:
        quota = QUOTA.get(job_store.get(job_id).account)
        transition_store.transition(job_id, Status.QUEUED, retry=True, quota=quota)

    def delete(self, job_id: str) -> None:
        job_command_service.delete(job_store.get(job_id), with_files=False)
        self.deleted.add(job_id)

    def alive(self) -> list[str]:
        return [job_id for job_id in self.ids if job_id not in self.deleted]

    def report(self, job_id: str, attempt: int, percent: float) -> None:
        progress_store.report(job_id, attempt, {"transcode_360p": TaskProgress(status="running", progress=percent)})
        found = job_store.get(job_id)
        assert found.status.value in RUNNING
        assert found.attempt == attempt

    @invariant()
    def every_step_was_legal_and_made_once(self) -> None:
        seen: set[tuple[str, int]] = set()
        for before, wanted in self.steps:
            assert (before.status.value, wanted.value) in LEGAL
            assert (before.job_id, before.version) not in seen, "two steps from one version"
            seen.add((before.job_id, before.version))

    @invariant()
    def rows_counters_and_queue_agree(self) -> None:
        found = [job_store.get(job_id) for job_id in self.alive()]
        for account in ACCOUNTS:
            mine = [job for job in found if job.account == account]
            running = {job.job_id for job in mine if job.status.value in RUNNING}
            assert concurrency_store.running(account) == running
            assert len(running) <= ACCOUNT_LIMIT
            not_ended = {job.job_id for job in mine if job.status not in TERMINAL}
            assert quota_store.read(account).open_jobs == (len(not_ended) if account in QUOTA else 0)
            assert len(not_ended) <= QUOTA.get(account, len(self.ids))
            waiting = {job.job_id for job in mine if job.status is Status.QUEUED}
            assert {row.job_id for row in JobRow.waiting.query(account)} == waiting
            ranks = {row.queue_rank for row in JobRow.waiting.query(account)}
            assert ranks == {queue_rank(job.priority, job.job_id) for job in mine if job.job_id in waiting}
        assert concurrency_store.running() == {job.job_id for job in found if job.status.value in RUNNING}
        assert len(concurrency_store.running()) <= SYSTEM_LIMIT

    @invariant()
    def nothing_is_left_of_deleted_jobs(self) -> None:
        items = boto3.client("dynamodb").scan(TableName="JobsTable")["Items"]
        left = {item["job_id"]["S"] for item in items if item["item"]["S"] != DELETED}  # the order to look for files
        assert not left & self.deleted

    @invariant()
    def progress_never_goes_back_and_is_100_only_when_completed(self) -> None:
        for job_id in self.alive():
            job, reported = job_store.get_with_progress(job_id)
            if reported is None or reported.attempt != job.attempt:
                continue
            percent = overall_percent(job.status, reported.tasks)
            assert percent >= self.percent.get((job_id, job.attempt), 0)
            assert (percent == 100) == (job.status is Status.COMPLETED)
            self.percent[job_id, job.attempt] = percent


JobLife.TestCase.settings = settings(
    max_examples=6, stateful_step_count=25, deadline=None, suppress_health_check=list(HealthCheck)
)
TestJobLife = pytest.mark.filterwarnings("default")(JobLife.TestCase)
