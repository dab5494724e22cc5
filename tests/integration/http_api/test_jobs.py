"""The HTTP API through its real handler, on the template's tables in process."""

import io
from typing import Any

import pytest
from chalice.test import HTTPResponse

from mediajobs import clock
from mediajobs.accounts import key_store
from mediajobs.accounts.api_keys import assemble_key
from mediajobs.jobs import job_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.media.manifests import Fragment, Output
from mediajobs.media.source import SourceFacts, VideoFacts
from mediajobs.pipeline import admission_service
from mediajobs.statistics import counter_store
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.object_keys import manifest_key, source_key
from tests.support.functions import load
from tests.support.http_api import Ask

pytestmark = pytest.mark.usefixtures("cloud")
UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"


def problem(answer: HTTPResponse, status: int) -> dict[str, Any]:
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/problem+json"
    document: dict[str, Any] = answer.json_body
    assert document["status"] == status
    assert document["detail"]
    assert document["instance"].startswith("/")
    assert "{" not in document["instance"]
    return document


def create(ask: Ask, **fields: Any) -> str:
    answer = ask("POST", "/jobs", {"filename": "talk.mp4", **fields})
    assert answer.status_code in (201, 202), answer.body
    return str(answer.json_body["job_id"])


def run_to(job_id: str, *statuses: Status, **changes: Any) -> None:
    transition_store.transition(job_id, Status.QUEUED, attempt=1)
    admission_service.admit("acme")
    for status in statuses:
        transition_store.transition(job_id, status, attempt=1, changes=changes if status is statuses[-1] else {})


def completed(ask: Ask) -> str:
    """A job that made a 360p rendition."""
    job_id = create(ask)
    run_to(job_id, Status.TRANSCODING)
    video = VideoFacts(
        index=0, codec="h264", width=640, height=360, rotation=0, frame_rate=25, pix_fmt="yuv420p", hdr=False,
        variable_frame_rate=False,
    )  # fmt: skip
    facts = SourceFacts(container="mp4", duration_seconds=8, size_bytes=900, sha256="0" * 64, video=video, audio=None)
    job_store.record_source(job_id, 1, facts)
    output = Output(
        name="360p", key=f"outputs/{job_id}/360p.mp4", size_bytes=300, sha256="1" * 64, content_type="video/mp4",
        width=640, height=360, duration_seconds=8, codecs="avc1.64001e", peak_bandwidth=9, average_bandwidth=8,
        frame_rate=25, init_size=50, fragments=[Fragment(offset=50, size=250, duration=8)],
    )  # fmt: skip
    MediaBucket.from_environment().write_json(manifest_key(job_id), {"outputs": [output.model_dump(mode="json")]})
    outputs = {
        "360p": {"available": True, "size_bytes": 300, "segments_count": 1},
        "720p": {"available": False, "reason": "source is smaller than 720p"},
    }
    transition_store.transition(job_id, Status.UPLOADING, attempt=1)
    transition_store.transition(job_id, Status.COMPLETED, attempt=1, changes={"outputs": outputs})
    return job_id


def test_a_jobs_id_is_of_the_moment_of_its_creation(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    moment = "2026-03-01T12:00:00.123Z"
    monkeypatch.setattr(clock, "now", lambda: moment)
    job_id = create(ask)
    for query in (f"from_date={moment}", f"to_date={moment}", f"from_date={moment}&to_date={moment}&sort_by=priority"):
        assert [job["job_id"] for job in ask("GET", f"/jobs?{query}").json_body["jobs"]] == [job_id]


def test_metadata_reads_back_as_it_was_given(ask: Ask) -> None:
    different: list[dict[str, Any] | None] = [None, {}, {"a": {}}]
    for given in different:
        job_id = create(ask, user_metadata=given)
        assert ask("GET", f"/jobs/{job_id}").json_body["user_metadata"] == given


def test_a_new_job_tells_where_to_upload(ask: Ask) -> None:
    answer = ask("POST", "/jobs", {"filename": "talk.mp4", "content_type": "video/mp4", "size_bytes": 10})
    assert answer.status_code == 201
    assert answer.headers["Location"] == f"/jobs/{answer.json_body['job_id']}"
    assert answer.json_body["status"] == "pending"
    upload = answer.json_body["upload"]
    assert upload["method"] == "PUT"
    assert upload["headers"] == {"Content-Type": "video/mp4", "If-None-Match": "*", "Content-Length": "10"}
    assert upload["max_bytes"] == 10
    assert source_key(answer.json_body["job_id"]) in upload["url"]
    assert upload["expires_at"].endswith("Z")


def test_a_large_source_is_uploaded_in_parts(ask: Ask) -> None:
    answer = ask("POST", "/jobs", {"filename": "film.mov", "size_bytes": 250_000_000})
    upload = answer.json_body["upload"]
    assert sum(part["size"] for part in upload["parts"]) == 250_000_000
    assert [part["part_number"] for part in upload["parts"]] == list(range(1, len(upload["parts"]) + 1))
    assert upload["max_bytes"] == 250_000_000

    def complete(*numbers: int) -> str:
        parts = [{"part_number": number, "etag": '"x"'} for number in numbers]
        return str(problem(ask("POST", upload["complete_url"], {"parts": parts}), 422)["detail"])

    count = len(upload["parts"])
    assert "ETag" in complete(*range(1, count + 1))
    assert f"missing: {', '.join(map(str, range(2, count + 1)))}." in complete(1)
    assert "each of them once" in complete(1, *range(1, count + 1))
    assert "each of them once" in complete(*range(1, count + 2))


@pytest.mark.parametrize("end", [Status.CANCELLED, Status.FAILED])
def test_the_upload_of_a_job_that_ended_is_not_completed(ask: Ask, end: Status) -> None:
    created = ask("POST", "/jobs", {"filename": "long.mov", "size_bytes": 250_000_000}).json_body
    transition_store.transition(created["job_id"], end, attempt=1)
    parts = {"parts": [{"part_number": 1, "etag": '"x"'}]}
    assert end in problem(ask("POST", created["upload"]["complete_url"], parts), 409)["detail"]


def test_an_upload_that_was_completed_may_be_completed_again(ask: Ask) -> None:
    created = ask("POST", "/jobs", {"filename": "long.mov", "size_bytes": 250_000_000}).json_body
    transition_store.transition(created["job_id"], Status.QUEUED, attempt=1)
    again = ask("POST", created["upload"]["complete_url"], {"parts": [{"part_number": 1, "etag": '"x"'}]})
    assert (again.status_code, again.json_body["status"]) == (202, "queued")


def test_a_source_url_needs_no_upload(ask: Ask) -> None:
    answer = ask("POST", "/jobs", {"filename": "talk.mp4", "source_url": "https://example.com/talk.mp4"})
    assert answer.status_code == 202
    assert answer.json_body.keys() == {"job_id", "status"}
    assert answer.json_body["status"] == "queued"


@pytest.mark.parametrize("url", ["http://example.com/a.mp4", "s3://somebody-elses/a.mp4"])
def test_a_source_url_that_may_not_be_read_is_refused(ask: Ask, url: str) -> None:
    problem(ask("POST", "/jobs", {"filename": "a.mp4", "source_url": url}), 422)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"filename": ""},
        {"filename": "../a"},
        {"filename": "a", "priority": 11},
        {"filename": "a", "size_bytes": -1},
        {"filename": "a", "surprise": 1},
        {"filename": "a", "options": {"renditions": ["4k"]}},
        {"filename": "a", "source_url": "file:///etc/passwd"},
        {"filename": "a", "user_metadata": {"long": "x" * 20_000}},
        [],
        "text",
    ],
)
def test_a_body_that_is_not_as_it_should_be_gets_422_and_every_reason(ask: Ask, body: Any) -> None:
    document = problem(ask("POST", "/jobs", body), 422)
    assert all(entry.keys() == {"loc", "msg"} for entry in document["errors"])
    assert document["errors"]


def test_what_is_no_json_is_a_bad_request(ask: Ask) -> None:
    problem(ask("POST", "/jobs", b"{not json"), 400)
    problem(ask("POST", "/jobs"), 400)


def test_another_content_type_and_an_oversized_body_are_refused(ask: Ask) -> None:
    problem(ask("POST", "/jobs", b"<a/>", headers={"Content-Type": "application/xml"}), 415)
    problem(ask("POST", "/jobs", b'"' + b"x" * 1_100_000 + b'"'), 413)


@pytest.mark.parametrize("key", ["", "mj_nonsense", "mj_" + "a" * 12 + "_" + "b" * 38])
def test_no_key_or_a_malformed_one_is_401(ask: Ask, key: str) -> None:
    problem(ask("GET", f"/jobs/{UNKNOWN}", key=key), 401)


def test_a_key_of_another_secret_is_401(ask: Ask) -> None:
    first, second = key_store.create("acme"), key_store.create("acme")
    key_id = first.split("_")[1]
    problem(ask("GET", f"/jobs/{UNKNOWN}", key=assemble_key(key_id, second.split("_")[2][:32])), 401)


def test_the_other_tenants_job_is_403_and_an_unknown_one_404(ask: Ask) -> None:
    job_id = create(ask)
    stranger = key_store.create("zeta")
    for method, path in (
        ("GET", f"/jobs/{job_id}"),
        ("GET", f"/jobs/{job_id}/download/360p"),
        ("GET", f"/stream/{job_id}/master.m3u8"),
        ("GET", f"/stream/{job_id}/360p/playlist.m3u8"),
        ("GET", f"/stream/{job_id}/360p/iframes.m3u8"),
        ("GET", f"/stream/{job_id}/captions/en.m3u8"),
        ("GET", f"/stream/{job_id}/storyboard.vtt"),
    ):
        problem(ask(method, path, key=stranger), 403)
        problem(ask(method, path.replace(job_id, UNKNOWN)), 404)
        problem(ask(method, path.replace(job_id, "no-id")), 404)
        problem(ask(method, path, key=""), 401)
    parts = {"parts": [{"part_number": 1, "etag": "x"}]}
    problem(ask("POST", f"/jobs/{job_id}/upload/complete", parts, key=stranger), 403)


def test_the_document_of_a_waiting_job_has_its_place_in_the_queue(ask: Ask) -> None:
    job_id = create(ask, user_metadata={"a": 1}, batch_id="b1", priority=7)
    transition_store.transition(job_id, Status.QUEUED, attempt=1, changes={"size_bytes": 12})
    document = ask("GET", f"/jobs/{job_id}").json_body
    assert document["status"] == "queued"
    assert (document["priority"], document["batch_id"], document["attempt"]) == (7, "b1", 1)
    assert document["progress"]["queue_position"] == 1
    assert document["progress"]["overall_progress"] == 0
    assert document["progress"]["current_task"] is None
    assert document["source"]["size_bytes"] == 12
    assert document["user_metadata"] == {"a": 1}
    assert document["error"] is None


def test_an_unchanged_document_is_not_sent_again(ask: Ask) -> None:
    job_id = create(ask)
    first = ask("GET", f"/jobs/{job_id}")
    again = ask("GET", f"/jobs/{job_id}", headers={"If-None-Match": first.headers["ETag"]})
    assert (again.status_code, again.body) == (304, b"")
    weak = ask("GET", f"/jobs/{job_id}", headers={"If-None-Match": f'"other", W/{first.headers["ETag"]}'})
    assert weak.status_code == 304
    assert ask("GET", f"/jobs/{job_id}", headers={"If-None-Match": "*"}).status_code == 304
    transition_store.transition(job_id, Status.QUEUED, attempt=1)
    assert ask("GET", f"/jobs/{job_id}", headers={"If-None-Match": first.headers["ETag"]}).status_code == 200


def test_a_completed_job_offers_what_was_made_and_says_what_was_not(ask: Ask) -> None:
    job_id = completed(ask)
    document = ask("GET", f"/jobs/{job_id}").json_body
    assert document["progress"]["overall_progress"] == 100
    assert document["progress"]["eta_seconds"] == 0
    assert document["outputs"]["360p"]["compression_ratio"] == 3.0
    assert document["outputs"]["720p"] == {
        "available": False, "size_bytes": None, "download_url": None, "reason": "source is smaller than 720p",
        "compression_ratio": None, "width": None, "height": None,
    }  # fmt: skip
    assert document["outputs"]["storyboard"] == {
        "available": False, "size_bytes": None, "url": None, "reason": "source lasts no longer than 30 s",
    }  # fmt: skip
    assert document["warnings"] == []
    assert document["outputs"]["transcription"]["reason"] == "source has no audio"
    assert document["source"]["resolution"] == "640x360"
    assert document["outputs"]["hls"]["360p"]["segments_count"] == 1


def test_the_source_of_a_job_that_ended_early_is_there_or_never_came(ask: Ask) -> None:
    path = f"/jobs/{create(ask)}/download/source"
    assert "pending" in problem(ask("GET", path), 409)["detail"]
    job_id = path.split("/")[2]
    transition_store.transition(job_id, Status.CANCELLED)
    assert "never came" in problem(ask("GET", path), 404)["detail"]
    objects = MediaBucket.from_environment()
    objects.client.put_object(Bucket=objects.name, Key=source_key(job_id), Body=b"late")
    assert source_key(job_id) in ask("GET", path).headers["Location"]


def test_what_is_wrong_with_a_body_is_told_in_words(ask: Ask) -> None:
    long = problem(ask("POST", "/jobs", {"filename": "a", "user_metadata": {"a": "b" * 16_384}}), 422)
    assert long["errors"] == [
        {"loc": ["user_metadata"], "msg": "it may have at most 16 KiB as JSON"},
    ]
    broken = problem(ask("POST", "/jobs", b'{"filename": "a",}'), 400)
    assert broken["detail"] == "The body is not valid JSON: trailing comma at line 1 column 18."


def test_downloads_redirect_with_a_file_name_or_say_why_not(ask: Ask) -> None:
    job_id = completed(ask)
    answer = ask("GET", f"/jobs/{job_id}/download/360p")
    assert answer.status_code == 302
    assert f"outputs/{job_id}/360p.mp4" in answer.headers["Location"]
    assert "talk-360p.mp4" in answer.headers["Location"]
    assert "smaller than 720p" in problem(ask("GET", f"/jobs/{job_id}/download/720p"), 404)["detail"]
    problem(ask("GET", f"/jobs/{job_id}/download/unheard-of"), 404)
    problem(ask("GET", f"/jobs/{create(ask)}/download/360p"), 409)


def test_playlists_carry_presigned_urls_and_hand_a_query_key_on(ask: Ask) -> None:
    job_id = completed(ask)
    master = ask("GET", f"/stream/{job_id}/master.m3u8")
    assert master.headers["Content-Type"] == "application/vnd.apple.mpegurl"
    assert "360p/playlist.m3u8\n" in master.body.decode()
    media = ask("GET", f"/stream/{job_id}/360p/playlist.m3u8").body.decode()
    assert f"outputs/{job_id}/360p.mp4?" in media
    key = key_store.create("acme")
    by_query = ask("GET", f"/stream/{job_id}/master.m3u8?api_key={key}", key="")
    assert f"360p/playlist.m3u8?api_key={key}\n" in by_query.body.decode()
    problem(ask("GET", f"/jobs/{job_id}?api_key={key}", key=""), 401)


def test_a_job_of_an_earlier_version_has_neither_iframes_nor_captions_nor_a_storyboard(ask: Ask) -> None:
    job_id = completed(ask)
    assert "I-FRAME" not in ask("GET", f"/stream/{job_id}/master.m3u8").body.decode()
    for path, reason in (
        ("360p/iframes.m3u8", "I-frame"),
        ("audio/playlist.m3u8", "no rendition audio"),
        ("captions/en.m3u8", "no captions"),
        ("storyboard.vtt", "no longer than 30 s"),
    ):
        assert reason in problem(ask("GET", f"/stream/{job_id}/{path}"), 404)["detail"]


def test_while_a_job_runs_nothing_of_it_is_played(ask: Ask) -> None:
    job_id = create(ask)
    for path in ("master.m3u8", "360p/iframes.m3u8", "captions/en.m3u8", "storyboard.vtt"):
        assert "pending" in problem(ask("GET", f"/stream/{job_id}/{path}"), 409)["detail"]


def test_a_failed_job_says_why(ask: Ask) -> None:
    job_id = create(ask)
    error = {"code": "truncated_source", "message": "The file ends early.", "task": "validate_video"}
    run_to(job_id, Status.FAILED, error=error)
    assert ask("GET", f"/jobs/{job_id}").json_body["error"] == {
        "message": "The file ends early.", "code": "truncated_source", "failed_task": "validate_video",
        "retry_count": 0,
    }  # fmt: skip


def test_a_dead_dependency_is_a_503_that_says_to_try_again(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id = create(ask)
    monkeypatch.setenv("JOBS_TABLE", "gone")
    answer = ask("GET", f"/jobs/{job_id}")
    problem(answer, 503)
    assert answer.headers["Retry-After"] == "5"


def test_health_needs_no_key_and_every_answer_has_a_request_id(ask: Ask) -> None:
    answer = ask("GET", "/health", key="")
    assert answer.json_body == {"status": "healthy"}
    assert answer.headers["X-Request-Id"]
    assert ask("GET", "/", key="").status_code == 200


def test_neither_a_key_nor_a_presigned_url_is_in_the_log(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    log = io.StringIO()
    monkeypatch.setattr(load("api").logger.registered_handler, "stream", log)
    key = key_store.create("acme")
    ask("GET", f"/stream/{completed(ask)}/master.m3u8?api_key={key}", key="")
    printed = log.getvalue()
    assert "/master.m3u8" in printed
    assert key not in printed
    assert "Signature" not in printed


def test_statistics_are_the_accounts_own_and_for_the_span_that_is_asked_for(ask: Ask) -> None:
    counter_store.update_counters(completed(ask))
    counter_store.update_counters(create(ask))
    found = ask("GET", "/jobs/stats").json_body
    assert found["total_jobs"] == 2
    assert found["status_breakdown"] == dict.fromkeys(Status, 0) | {"completed": 1, "pending": 1}
    assert found["success_rate"] == 50.0
    assert found["processing_metrics"]["total_video_duration_seconds"] == 8.0
    assert found["storage"] == {"used_bytes": 1200, "source_bytes": 900, "output_bytes": 300}
    today = clock.now()[:10]
    within = ask("GET", f"/jobs/stats?from_date={today}&to_date={today}").json_body
    assert (within["total_jobs"], within["date_range"]["from"]) == (2, f"{today}T00:00:00.000Z")
    assert ask("GET", "/jobs/stats?to_date=2020-01-01T00:00:00").json_body["total_jobs"] == 0
    assert ask("GET", "/jobs/stats", key=key_store.create("zeta")).json_body["total_jobs"] == 0
    problem(ask("GET", "/jobs/stats?from_date=yesterday"), 422)
    problem(ask("GET", "/jobs/stats?surprise=1"), 422)
