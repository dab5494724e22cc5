"""The job's life in the real store."""

from typing import Any

import pytest
from botocore.endpoint import Endpoint
from botocore.exceptions import ClientError

from mediajobs import clock
from mediajobs.errors import Stopped
from mediajobs.jobs import concurrency_store, job_store, progress_store, transition_store, waiting_account_store
from mediajobs.jobs.lifecycle import Status, Transition
from mediajobs.jobs.progress import TaskProgress, new_progress
from mediajobs.jobs.tables import JobRow
from mediajobs.media.tasks import tasks_for
from mediajobs.pipeline import admission_service
from tests.support.jobs import create_job, make_job

pytestmark = pytest.mark.usefixtures("cloud")


def queued(job_id: str, *, account: str = "acme", priority: int = 5) -> None:
    create_job(job_id=job_id, account=account, priority=priority)
    transition_store.transition(job_id, Status.QUEUED, attempt=1)


def test_a_stored_job_reads_back_as_it_was() -> None:
    wanted = make_job(job_id="A").model_copy(
        update={"user_metadata": {"a": [1, None]}, "batch_id": "b", "size_bytes": 7}
    )
    job_store.create(wanted)
    assert job_store.get("A") == wanted


def test_the_higher_priority_starts_first_then_the_older() -> None:
    queued("1", priority=5)
    queued("2", priority=9)
    queued("3", priority=5)
    assert admission_service.admit("acme") == ["2", "1"]
    assert admission_service.position(job_store.get("3")) == 1
    assert concurrency_store.running("acme") == {"1", "2"}


def test_a_full_system_makes_the_next_account_wait_until_a_slot_is_free() -> None:
    for job_id in ("1", "2"):
        queued(job_id, account="acme")
    for job_id in ("3", "4"):
        queued(job_id, account="zeta")
    assert admission_service.admit("acme") == ["1", "2"]
    assert admission_service.admit("zeta") == ["3"]
    assert waiting_account_store.read().deferred == {"zeta"}
    transition_store.transition("1", Status.FAILED, attempt=1)
    assert admission_service.admit_waiting() == ["4"]
    assert concurrency_store.running("acme") == {"2"}
    assert concurrency_store.running("zeta") == {"3", "4"}
    assert concurrency_store.running() == {"2", "3", "4"}


def test_a_second_copy_and_a_late_event_change_nothing() -> None:
    queued("1")
    admission_service.admit("acme")
    before = job_store.get("1")
    assert transition_store.transition("1", Status.QUEUED, attempt=1).transition is Transition.ILLEGAL
    assert transition_store.transition("1", Status.PROCESSING, attempt=1).transition is Transition.REPEATED
    assert transition_store.transition("1", Status.TRANSCODING, attempt=2).transition is Transition.STALE
    assert job_store.get("1") == before


def test_a_late_upload_event_does_not_revive_a_failed_job_but_a_retry_does() -> None:
    queued("1")
    transition_store.transition(
        "1", Status.FAILED, attempt=1, changes={"error": {"code": "x", "message": "y", "task": None}}
    )
    assert transition_store.transition("1", Status.QUEUED, attempt=1).transition is Transition.ILLEGAL
    outcome = transition_store.transition("1", Status.QUEUED, retry=True)
    assert outcome.transition is Transition.ALLOWED
    assert (outcome.job.attempt, outcome.job.error, outcome.job.completed_at) == (2, None, None)
    assert admission_service.admit("acme") == ["1"]


def test_a_task_is_told_to_stop_by_its_next_report() -> None:
    queued("1")
    admission_service.admit("acme")
    progress_store.report("1", 1, {"transcode_360p": TaskProgress(status="running", progress=10)})
    transition_store.transition("1", Status.CANCELLED)
    with pytest.raises(Stopped):
        progress_store.report("1", 1, {"transcode_360p": TaskProgress(status="running", progress=20)})


def test_a_report_of_a_second_run_never_takes_progress_back() -> None:
    queued("1")
    admission_service.admit("acme")
    progress_store.report("1", 1, {"transcode_360p": TaskProgress(status="running", progress=60)})
    progress_store.report("1", 1, {"transcode_360p": TaskProgress(status="running", progress=3)})
    found = progress_store.read("1")
    assert found is not None
    assert found.tasks["transcode_360p"].progress == 60
    assert found.tasks.keys() == new_progress(tasks_for(job_store.get("1").options), attempt=1, now="").tasks.keys()


def test_the_document_and_its_progress_are_read_together() -> None:
    queued("1")
    assert job_store.get_with_progress("1")[1] is None
    admission_service.admit("acme")
    found, reported = job_store.get_with_progress("1")
    assert found.status is Status.PROCESSING
    assert reported is not None
    assert reported.attempt == 1


def test_a_task_that_is_behind_does_not_mute_the_others() -> None:
    queued("1")
    admission_service.admit("acme")
    progress_store.report("1", 1, {"transcode_360p": TaskProgress(status="running", progress=60)})
    both = {"transcode_360p": TaskProgress(status="running", progress=3), "prepare_hls": TaskProgress(progress=4)}
    progress_store.report("1", 1, both | {"no_task_of_this_job": TaskProgress(progress=5)})
    found = progress_store.read("1")
    assert found is not None
    assert (found.tasks["transcode_360p"].progress, found.tasks["prepare_hls"].progress) == (60, 4)
    assert "no_task_of_this_job" not in found.tasks


def test_a_job_is_admitted_although_the_index_does_not_show_it_yet() -> None:
    create_job(job_id="1")
    moved = transition_store.transition("1", Status.QUEUED, attempt=1).job
    JobRow("1", "job").update([JobRow.queue.remove(), JobRow.queue_rank.remove()])  # as an index that lags behind
    assert moved.status is Status.QUEUED
    assert admission_service.admit("acme") == []
    assert admission_service.admit_waiting("acme", job_id="1") == ["1"]


def test_who_meets_a_full_system_is_remembered_whoever_asked() -> None:
    for number in range(4):
        queued(str(number), account=f"account{number}")
    assert len(admission_service.admit_waiting()) == 3
    assert len(waiting_account_store.read().deferred) == 1
    assert admission_service.admit_waiting("account9") == []
    assert len(waiting_account_store.read().deferred - {"account9"}) == 1


@pytest.mark.parametrize("refused", ["Query", "GetItem", "TransactWriteItems"])
def test_who_waits_is_remembered_where_admission_breaks_off(refused: str) -> None:
    """Whatever refuses the call, the next sweep looks after them, also if it was of another account."""
    queued("1")
    send = Endpoint.make_request

    def throttled(self: Endpoint, operation: Any, request: Any) -> Any:
        if operation.name == refused:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "slow down"}}, operation.name)
        return send(self, operation, request)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Endpoint, "make_request", throttled)
        with pytest.raises((ClientError, ExceptionGroup)):
            admission_service.admit_waiting()
    assert admission_service.admit_waiting() == ["1"]


def later(monkeypatch: pytest.MonkeyPatch, seconds: int) -> None:
    moment = clock.milliseconds() + 1000 * seconds
    monkeypatch.setattr(clock, "milliseconds", lambda: moment)


class Killed(BaseException):
    """Out of memory, or out of time."""


def test_who_waits_is_remembered_where_admission_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    queued("1")

    def kill(*_: Any) -> None:
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admission_service, "_admit_in_order", kill)
        patch.setattr(waiting_account_store, "defer", kill)  # who is killed does nothing any more
        with pytest.raises(Killed):
            admission_service.admit_waiting("acme", job_id="1")
    later(monkeypatch, 120)
    assert admission_service.admit_waiting() == ["1"]


def test_a_sweep_that_the_index_shows_nothing_yet_forgets_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    queued("1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(type(JobRow.waiting), "query", lambda *_, **__: iter(()))
        assert admission_service.admit_waiting() == []
    later(monkeypatch, 120)
    assert admission_service.admit_waiting() == ["1"]


def test_a_note_outlives_the_events_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    """It comes before the job is queued; whoever looks in between finds nothing, and the job's own event is lost."""
    waiting_account_store.mark("acme")
    assert admission_service.admit_waiting("zeta") == []
    assert admission_service.admit_waiting("acme") == []
    queued("1")
    later(monkeypatch, 120)
    assert admission_service.admit_waiting() == ["1"]


def test_whose_jobs_all_began_is_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    queued("1")
    assert admission_service.admit_waiting() == ["1"]
    later(monkeypatch, 30)
    assert admission_service.admit_waiting() == []
    assert waiting_account_store.read().accounts == {"acme"}
    later(monkeypatch, 120)
    marked = waiting_account_store.read().marked["acme"]
    waiting_account_store.mark("acme")
    waiting_account_store.clear("acme", marked)  # a sweep that read the mark before
    assert waiting_account_store.read().accounts == {"acme"}
    later(monkeypatch, 120)
    assert admission_service.admit_waiting() == []
    assert waiting_account_store.read().accounts == set()


def test_one_whose_admission_fails_keeps_no_other_from_a_slot(monkeypatch: pytest.MonkeyPatch) -> None:
    queued("1", account="acme")
    queued("2", account="zeta")
    start = admission_service._start

    def failing(job_id: str) -> bool:
        if job_id == "1":
            raise ZeroDivisionError
        return start(job_id)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(admission_service, "_start", failing)
        for _ in range(3):  # in any order
            with pytest.raises(ExceptionGroup):
                admission_service.admit_waiting()
    assert concurrency_store.running() == {"2"}
    assert admission_service.admit_waiting("zeta") == ["1"]
