"""Cancel, retry, reorder, delete and batch status: through the API's real handler, and in the stores behind it."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from chalice.test import HTTPResponse

from mediajobs.accounts import key_store
from mediajobs.commands import job_command_service
from mediajobs.errors import Conflict, NotFound, Stopped
from mediajobs.jobs import cleanup_store, concurrency_store, job_store, lifecycle, progress_store, transition_store
from mediajobs.jobs.lifecycle import Status, Transition
from mediajobs.jobs.progress import TaskProgress
from mediajobs.jobs.tables import DELETED, DeletedRow, JobRow
from mediajobs.listing import summary_query
from mediajobs.media.manifests import TaskManifest
from mediajobs.media.source import AudioFacts, SourceFacts
from mediajobs.pipeline import admission_service, steps_service
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.object_keys import manifest_key, output_prefix, source_key
from mediajobs.timestamps import parse_rfc3339
from tests.support.aws_calls import calls
from tests.support.http_api import Ask

pytestmark = pytest.mark.usefixtures("cloud")
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
SOUND = AudioFacts(index=0, codec="aac", channels=2, sample_rate=48000)
FACTS = SourceFacts(container="mp4", duration_seconds=8, size_bytes=9, sha256="0" * 64, video=None, audio=SOUND)
FAILURE = {"code": "undecodable", "message": "Export the file again.", "task": "transcode_360p"}


def detail(answer: HTTPResponse, status: int) -> str:
    assert answer.status_code == status, answer.body
    assert answer.headers["Content-Type"] == "application/problem+json"
    return str(answer.json_body["detail"])


def ok(answer: HTTPResponse, status: int = 200) -> dict[str, Any]:
    assert answer.status_code == status, answer.body
    document: dict[str, Any] = answer.json_body
    return document


def pending(ask: Ask, **fields: Any) -> str:
    return str(ok(ask("POST", "/jobs", {"filename": "talk.mp4", **fields}), 201)["job_id"])


def queued(ask: Ask, **fields: Any) -> str:
    job_id = pending(ask, **fields)
    put(source_key(job_id))
    transition_store.transition(job_id, Status.QUEUED, attempt=1)
    return job_id


def running(ask: Ask, **fields: Any) -> str:
    """Admitted and validated."""
    job_id = queued(ask, **fields)
    assert job_id in admission_service.admit("acme")
    job_store.record_source(job_id, 1, FACTS)
    progress_store.report(job_id, 1, {name: done() for name in ("validate_video", "store_source")})
    transition_store.transition(job_id, Status.TRANSCODING, attempt=1)
    return job_id


def ended(ask: Ask, status: Status) -> str:
    job_id = running(ask)
    if status is Status.COMPLETED:
        transition_store.transition(job_id, Status.UPLOADING, attempt=1)
    transition_store.transition(
        job_id, status, attempt=1, changes={"error": FAILURE} if status is Status.FAILED else {}
    )
    return job_id


def done() -> TaskProgress:
    return TaskProgress(status="completed", progress=100)


def put(key: str, body: bytes = b"some bytes") -> None:
    boto3.client("s3").put_object(Bucket="media", Key=key, Body=body)


def lying(prefix: str = "") -> list[str]:
    return sorted(MediaBucket.from_environment().sizes(prefix))


def items_of(job_id: str) -> list[str]:
    rows = boto3.client("dynamodb").scan(TableName="JobsTable")["Items"]
    return sorted(row["item"]["S"] for row in rows if row["job_id"]["S"] == job_id)


class TestCancel:
    @pytest.mark.parametrize("make", [pending, queued, running], ids=lambda make: make.__name__)
    def test_whatever_is_not_finished_is_cancelled_and_the_second_time_answers_the_same(
        self, ask: Ask, make: Callable[[Ask], str]
    ) -> None:
        job_id = make(ask)
        wanted = {"job_id": job_id, "status": "cancelled", "message": "Job cancellation requested"}
        assert ok(ask("POST", f"/jobs/{job_id}/cancel")) == wanted
        assert ok(ask("POST", f"/jobs/{job_id}/cancel")) == wanted
        document = ok(ask("GET", f"/jobs/{job_id}"))
        assert document["status"] == "cancelled"
        assert document["completed_at"]
        assert concurrency_store.running("acme") == concurrency_store.running() == frozenset()
        assert admission_service.admit("acme") == []

    @pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED])
    def test_a_finished_job_is_not_cancelled(self, ask: Ask, status: Status) -> None:
        job_id = ended(ask, status)
        assert detail(ask("POST", f"/jobs/{job_id}/cancel"), 400) == f"Cannot cancel job with status: {status}"
        assert job_store.get(job_id).status is status

    def test_it_costs_four_calls_at_most(self, ask: Ask) -> None:
        job_id = running(ask)
        with calls() as sent:
            ok(ask("POST", f"/jobs/{job_id}/cancel"))
        assert len(sent) <= 4, sent

    def test_it_loses_cleanly_against_completion(self, ask: Ask) -> None:
        job_id = running(ask)
        seen = job_store.get(job_id)
        transition_store.transition(job_id, Status.UPLOADING, attempt=1)
        transition_store.transition(job_id, Status.COMPLETED, attempt=1)
        outcome = job_command_service.cancel(seen)
        assert (outcome.transition, outcome.job.status) == (Transition.ILLEGAL, Status.COMPLETED)

    def test_it_wins_cleanly_against_completion_and_takes_the_manifest_back(
        self, ask: Ask, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        job_id = running(ask)
        write = MediaBucket.write_json

        def late(self: MediaBucket, key: str, value: Any) -> None:
            job_command_service.cancel(job_store.get(job_id))
            write(self, key, value)

        monkeypatch.setattr(MediaBucket, "write_json", late)
        steps_service.publish(job_id, 1)
        assert job_store.get(job_id).status is Status.CANCELLED
        assert lying("outputs/") == []

    def test_a_half_made_upload_is_forgotten(self, ask: Ask) -> None:
        job_id = pending(ask, size_bytes=200_000_000)
        client = boto3.client("s3")
        assert client.list_multipart_uploads(Bucket="media").get("Uploads")
        ok(ask("POST", f"/jobs/{job_id}/cancel"))
        assert not client.list_multipart_uploads(Bucket="media").get("Uploads")


class TestRetry:
    @pytest.mark.parametrize("status", [Status.FAILED, Status.CANCELLED])
    def test_a_retry_queues_the_next_attempt_and_remembers_the_last(self, ask: Ask, status: Status) -> None:
        job_id = ended(ask, status)
        assert ok(ask("POST", f"/jobs/{job_id}/retry"), 202) == {"job_id": job_id, "status": "queued", "attempt": 2}
        document = ok(ask("GET", f"/jobs/{job_id}"))
        (earlier,) = document["earlier_attempts"]
        assert (earlier["attempt"], earlier["status"]) == (1, status)
        assert earlier["started_at"]
        assert earlier["completed_at"] >= earlier["started_at"]
        told = {"code": FAILURE["code"], "message": FAILURE["message"], "failed_task": FAILURE["task"]}
        assert earlier["error"] == (told if status is Status.FAILED else None)
        assert (document["attempt"], document["error"], document["completed_at"]) == (2, None, None)
        assert admission_service.admit("acme") == [job_id]

    @pytest.mark.parametrize("make", [pending, queued, running])
    def test_a_job_that_goes_on_is_not_retried(self, ask: Ask, make: Callable[[Ask], str]) -> None:
        assert "failed or cancelled" in detail(ask("POST", f"/jobs/{make(ask)}/retry", {}), 409)

    def test_a_completed_job_is_not_retried(self, ask: Ask) -> None:
        assert "completed" in detail(ask("POST", f"/jobs/{ended(ask, Status.COMPLETED)}/retry"), 409)

    def test_there_are_five_attempts(self, ask: Ask) -> None:
        job_id = ended(ask, Status.FAILED)
        for attempt in range(2, lifecycle.MAX_ATTEMPTS + 1):
            assert ok(ask("POST", f"/jobs/{job_id}/retry"), 202)["attempt"] == attempt
            ok(ask("POST", f"/jobs/{job_id}/cancel"))
        assert "5 attempts" in detail(ask("POST", f"/jobs/{job_id}/retry"), 409)
        earlier = ok(ask("GET", f"/jobs/{job_id}"))["earlier_attempts"]
        assert [attempt["attempt"] for attempt in earlier] == [1, 2, 3, 4]

    def test_two_retries_at_once_make_one_attempt(self, ask: Ask) -> None:
        seen = job_store.get(ended(ask, Status.FAILED))
        job_command_service.retry(seen, from_start=False)
        with pytest.raises(Conflict, match="changed meanwhile"):
            job_command_service.retry(seen, from_start=False)
        transition_store.transition(seen.job_id, Status.CANCELLED)
        with pytest.raises(Conflict, match="changed meanwhile"):
            job_command_service.retry(seen, from_start=False)
        assert job_store.get(seen.job_id).attempt == 2

    @pytest.mark.parametrize("body", [{"from": "middle"}, {"start": True}, {"origin": "start"}, [], 7])
    def test_an_odd_wish_is_refused(self, ask: Ask, body: Any) -> None:
        detail(ask("POST", f"/jobs/{ended(ask, Status.FAILED)}/retry", body), 422)

    def test_a_source_that_never_came_has_a_cure_and_one_that_came_late_is_taken(self, ask: Ask) -> None:
        job_id = pending(ask, size_bytes=900)
        ok(ask("POST", f"/jobs/{job_id}/cancel"))
        assert job_store.get(job_id).size_bytes is None, "nothing is stored: nothing counts"
        assert "Create a new job" in detail(ask("POST", f"/jobs/{job_id}/retry"), 409)
        put(source_key(job_id), b"12345")
        ok(ask("POST", f"/jobs/{job_id}/retry"), 202)
        assert job_store.get(job_id).size_bytes == 5

    def test_the_new_attempt_begins_with_what_is_done(self, ask: Ask) -> None:
        job_id = running(ask)
        progress_store.report(job_id, 1, {"transcribe_video": done(), "transcode_360p": done()})
        ok(ask("POST", f"/jobs/{job_id}/cancel"))
        ok(ask("POST", f"/jobs/{job_id}/retry"), 202)
        for _ in range(2):  # in the queue, and once it is admitted
            document = ok(ask("GET", f"/jobs/{job_id}"))["progress"]
            percent = {name: task["progress"] for name, task in document["tasks"].items()}
            assert {name for name, value in percent.items() if value == 100} == {
                "validate_video", "store_source", "transcribe_video",
            }, "media ended half way: all of it is run again"  # fmt: skip
            assert document["overall_progress"] == 25
            admission_service.admit("acme")

    def test_from_the_start_nothing_of_earlier_attempts_counts(self, ask: Ask) -> None:
        job_id = ended(ask, Status.FAILED)
        ok(ask("POST", f"/jobs/{job_id}/retry", {"from": "start"}), 202)
        assert job_store.get(job_id).base_attempt == 2
        for _ in range(2):
            document = ok(ask("GET", f"/jobs/{job_id}"))
            assert document["progress"]["overall_progress"] == 0
            admission_service.admit("acme")

    def test_manifests_of_attempts_that_do_not_count_are_not_published(self, ask: Ask) -> None:
        job_id = ended(ask, Status.FAILED)
        for task, attempt in (("media", 1), ("transcribe", 2)):
            manifest = TaskManifest(task=task, attempt=attempt, outputs=[], absent=[{"name": task, "reason": "x"}])
            MediaBucket.from_environment().write_json(manifest_key(job_id, task), manifest.model_dump(mode="json"))
        ok(ask("POST", f"/jobs/{job_id}/retry", {"from": "start"}), 202)
        admission_service.admit("acme")
        transition_store.transition(job_id, Status.TRANSCODING, attempt=2)
        steps_service.publish(job_id, 2)
        assert job_store.get(job_id).outputs.keys() == {"transcribe"}


class TestPriority:
    def test_a_queue_is_reordered(self, ask: Ask) -> None:
        first, second, third = (queued(ask, priority=5) for _ in range(3))
        assert ok(ask("PATCH", f"/jobs/{third}/priority", {"priority": 9}))["priority"] == 9
        assert ok(ask("PATCH", f"/jobs/{first}/priority", {"priority": 1}))["status"] == "queued"
        places = [ok(ask("GET", f"/jobs/{job}"))["progress"]["queue_position"] for job in (third, second, first)]
        assert places == [1, 2, 3]
        assert admission_service.admit("acme") == [third, second]

    def test_it_holds_from_before_the_upload(self, ask: Ask) -> None:
        early, late = pending(ask), pending(ask)
        ok(ask("PATCH", f"/jobs/{late}/priority", {"priority": 8}))
        for job_id in (early, late):
            transition_store.transition(job_id, Status.QUEUED, attempt=1)
        assert admission_service.admit("acme") == [late, early]

    def test_a_change_between_read_and_write_of_the_queueing_is_not_lost(self, ask: Ask) -> None:
        job_id = pending(ask)
        stale = job_store.get(job_id)
        ok(ask("PATCH", f"/jobs/{job_id}/priority", {"priority": 10}))
        transition_store.transition(job_id, Status.QUEUED, attempt=1, current=stale)
        (row,) = JobRow.waiting.query("acme")
        assert row.queue_rank == lifecycle.queue_rank(10, job_id)

    def test_a_running_job_goes_on_and_says_so(self, ask: Ask) -> None:
        job_id = running(ask)
        answer = ok(ask("PATCH", f"/jobs/{job_id}/priority", {"priority": 10}))
        assert "already runs" in answer["message"]
        assert job_store.get(job_id).status is Status.TRANSCODING
        assert list(JobRow.waiting.query("acme")) == []

    def test_a_job_that_is_admitted_meanwhile_does_not_come_back_into_the_queue(self, ask: Ask) -> None:
        seen = job_store.get(queued(ask))
        admission_service.admit("acme")
        assert job_store.set_priority(seen, 9).status is Status.PROCESSING
        assert list(JobRow.waiting.query("acme")) == []
        assert JobRow.get(seen.job_id, "job").queue_rank is None

    def test_a_job_that_ends_or_goes_meanwhile_is_not_touched(self, ask: Ask) -> None:
        seen = job_store.get(queued(ask))
        transition_store.transition(seen.job_id, Status.CANCELLED)
        with pytest.raises(Conflict, match="cancelled"):
            job_store.set_priority(seen, 9)
        job_command_service.delete(job_store.get(seen.job_id), with_files=False)
        with pytest.raises(NotFound):
            job_store.set_priority(seen, 9)
        assert items_of(seen.job_id) == ["deleted"]

    @pytest.mark.parametrize("status", [Status.COMPLETED, Status.FAILED, Status.CANCELLED])
    def test_a_finished_job_has_none_to_change(self, ask: Ask, status: Status) -> None:
        assert str(status) in detail(ask("PATCH", f"/jobs/{ended(ask, status)}/priority", {"priority": 9}), 409)

    @pytest.mark.parametrize("priority", [0, 11, "high", None])
    def test_an_odd_priority_is_refused(self, ask: Ask, priority: Any) -> None:
        detail(ask("PATCH", f"/jobs/{pending(ask)}/priority", {"priority": priority}), 422)


class TestDelete:
    @pytest.mark.parametrize("make", [pending, queued, running, lambda ask: ended(ask, Status.COMPLETED)])
    def test_nothing_is_left_of_a_deleted_job(self, ask: Ask, make: Callable[[Ask], str]) -> None:
        job_id = make(ask)
        for key in (source_key(job_id), manifest_key(job_id), output_prefix(job_id) + "360p.mp4"):
            put(key)
        boto3.client("s3").create_multipart_upload(Bucket="media", Key=output_prefix(job_id) + "720p.mp4")
        other = f"outputs/{UNKNOWN}/360p.mp4"
        put(other)
        answer = ok(ask("DELETE", f"/jobs/{job_id}?delete_files=true"))
        assert answer == {"job_id": job_id, "deleted": True, "files_deleted": 3}
        assert lying() == [other]
        assert not boto3.client("s3").list_multipart_uploads(Bucket="media").get("Uploads")
        assert items_of(job_id) == [DELETED]
        assert list(JobRow.waiting.query("acme")) == []
        assert concurrency_store.running("acme") == concurrency_store.running() == frozenset()

    def test_every_route_answers_404_afterwards(self, ask: Ask) -> None:
        job_id = ended(ask, Status.COMPLETED)
        ok(ask("DELETE", f"/jobs/{job_id}"))
        for method, path, body in [
            ("GET", "", None), ("DELETE", "", None), ("POST", "/cancel", None), ("POST", "/retry", {}),
            ("PATCH", "/priority", {"priority": 1}), ("GET", "/download/source", None),
            ("POST", "/upload/complete", {"parts": [{"part_number": 1, "etag": "x"}]}),
        ]:  # fmt: skip
            assert job_id in detail(ask(method, f"/jobs/{job_id}{path}", body), 404)
        detail(ask("GET", f"/stream/{job_id}/master.m3u8"), 404)

    def test_files_are_kept_where_that_is_wanted(self, ask: Ask) -> None:
        job_id = ended(ask, Status.COMPLETED)
        answer = ok(ask("DELETE", f"/jobs/{job_id}?delete_files=false"))
        assert answer["files_deleted"] == 0
        assert lying() == [source_key(job_id)]
        assert items_of(job_id) == []
        detail(ask("DELETE", f"/jobs/{job_id}?delete_files=perhaps"), 422)

    def test_a_late_task_writes_nothing(self, ask: Ask) -> None:
        job_id = running(ask)
        ok(ask("DELETE", f"/jobs/{job_id}?delete_files=false"))
        with pytest.raises(Stopped):
            progress_store.report(job_id, 1, {"transcode_360p": TaskProgress(status="running", progress=7)})
        with pytest.raises(Stopped):
            job_store.record_source(job_id, 1, FACTS)
        with pytest.raises(NotFound):
            transition_store.transition(job_id, Status.UPLOADING, attempt=1)
        steps_service.fail(job_id, 1, error="TaskCrashed")
        steps_service.publish(job_id, 1)
        assert progress_store.is_over(job_id, 1)
        assert items_of(job_id) == []

    def test_a_late_publication_takes_its_manifest_back(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        job_id = running(ask)
        write = MediaBucket.write_json

        def late(self: MediaBucket, key: str, value: Any) -> None:
            job_command_service.delete(job_store.get(job_id), with_files=True)
            write(self, key, value)

        monkeypatch.setattr(MediaBucket, "write_json", late)
        steps_service.publish(job_id, 1)
        assert lying() == []

    def test_a_retry_between_does_not_save_half_a_job(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        job_id = ended(ask, Status.FAILED)
        remove, retries = job_store.remove, [1]

        def late(job: Any, **how: Any) -> bool:
            if retries:
                retries.pop()
                put(source_key(job_id))
                job_command_service.retry(job_store.get(job_id), from_start=False)
                assert admission_service.admit("acme") == [job_id]
            return remove(job, **how)

        monkeypatch.setattr(job_store, "remove", late)
        ok(ask("DELETE", f"/jobs/{job_id}"))
        assert items_of(job_id) == [DELETED]
        assert concurrency_store.running("acme") == concurrency_store.running() == frozenset()

    def test_files_that_come_late_are_swept_up(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        job_id = ended(ask, Status.COMPLETED)
        ok(ask("DELETE", f"/jobs/{job_id}"))
        put(source_key(job_id))
        assert job_command_service.remove_leftovers() == [], "its upload URL is still good"
        due = parse_rfc3339(DeletedRow.get(job_id, DELETED).queue_rank.partition("#")[0])
        assert due > datetime.now(UTC) + timedelta(hours=1, minutes=59)
        DeletedRow(job_id, DELETED).update([DeletedRow.queue_rank.set("2020-01-01T00:00:00.000Z#x")])
        assert job_command_service.remove_leftovers() == [job_id]
        assert lying() == []
        assert cleanup_store.due_cleanups() == []


class TestBatchStatus:
    def test_each_id_has_its_entry_in_order(self, ask: Ask) -> None:
        first, second = running(ask, priority=7), pending(ask, filename="other.mov")
        theirs = key_store.create("zeta")
        foreign = ok(ask("POST", "/jobs", {"filename": "a.mp4"}, key=theirs), 201)["job_id"]
        wanted = [second, UNKNOWN, first, foreign, "nonsense", second]
        entries = ok(ask("POST", "/jobs/batch-status", {"job_ids": wanted}))["jobs"]
        assert [entry["job_id"] for entry in entries] == wanted
        assert [entry.get("error") for entry in entries] == [None, "not_found", None, "forbidden", "not_found", None]
        document = ok(ask("GET", f"/jobs/{first}"))
        common = ("job_id", "status", "priority", "created_at", "updated_at", "completed_at")
        assert entries[2] == {name: document[name] for name in common} | {
            "filename": "talk.mp4",
            "overall_progress": document["progress"]["overall_progress"],
        }
        assert entries[2]["overall_progress"] > 0
        assert entries[0] == entries[5]

    def test_a_thousand_jobs_cost_twenty_reads(self, ask: Ask) -> None:
        ids = [pending(ask) for _ in range(3)]
        wanted = [*(ids * 334)[:998], "01ARZ3NDEKTSV4RRFFQ69G5FA0", "01ARZ3NDEKTSV4RRFFQ69G5FA1"]
        with calls() as sent:
            entries = ok(ask("POST", "/jobs/batch-status", {"job_ids": wanted}))["jobs"]
        assert len(entries) == 1000
        assert sent.count("BatchGetItem") == 1, "an id is read once however often it is asked for"
        distinct = [f"01ARZ3NDEKTSV4RRFFQ69{number:05d}" for number in range(1000)]
        with calls() as sent:
            ok(ask("POST", "/jobs/batch-status", {"job_ids": distinct}))
        assert sent.count("BatchGetItem") == 20
        assert len(sent) == 21

    @pytest.mark.parametrize("ids", [[], ["x"] * 1001, [7], "x", ["x" * 65]])
    def test_an_odd_list_is_refused(self, ask: Ask, ids: Any) -> None:
        detail(ask("POST", "/jobs/batch-status", {"job_ids": ids}), 422)

    def test_what_the_table_did_not_get_to_is_asked_for_again(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        job_id = pending(ask)
        table = _Busy(times=2)
        monkeypatch.setattr("mediajobs.aws.dynamodb.client", lambda: table)
        monkeypatch.setattr("time.sleep", lambda _seconds: None)
        assert summary_query.read([job_id], account="acme")[0].job_id == job_id
        assert table.asked == 3
        table.times = 1000
        with pytest.raises(ClientError, match="unprocessed"):
            summary_query.read([job_id], account="acme")
        assert table.asked < 20


class _Busy:
    """A table that gets to nothing the first times."""

    def __init__(self, times: int) -> None:
        self.times, self.asked = times, 0
        self._table = boto3.client("dynamodb")

    def batch_get_item(self, **what: Any) -> Any:
        self.asked += 1
        if self.asked <= self.times:
            return {"Responses": {}, "UnprocessedKeys": what["RequestItems"]}
        return self._table.batch_get_item(**what)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("POST", "/cancel", None),
        ("POST", "/retry", None),
        ("PATCH", "/priority", {"priority": 1}),
        ("DELETE", "", None),
    ],
)
def test_nobody_steers_the_jobs_of_others(ask: Ask, method: str, path: str, body: Any) -> None:
    job_id = running(ask)
    before = job_store.get(job_id)
    detail(ask(method, f"/jobs/{job_id}{path}", body, key=key_store.create("zeta")), 403)
    detail(ask(method, f"/jobs/{UNKNOWN}{path}", body), 404)
    detail(ask(method, f"/jobs/nonsense{path}", body), 404)
    assert job_store.get(job_id) == before
