"""Exports say what the list says, byte for byte, however large they are and whatever breaks on the way."""

import csv
import hashlib
import io
import json
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import boto3
import pytest
import requests
from botocore.endpoint import Endpoint
from botocore.exceptions import ClientError
from chalice.test import Client, HTTPResponse

from mediajobs.accounts import key_store
from mediajobs.exports import export, export_service, export_store
from mediajobs.exports.export import ExportedJobs, ExportJobs
from mediajobs.exports.export_store import ExportRow
from mediajobs.jobs import transition_store
from mediajobs.jobs.events import JobEvent
from mediajobs.jobs.lifecycle import Status
from mediajobs.listing import index_query, name_index_store, page_query
from mediajobs.listing.index_query import Page
from mediajobs.listing.schemas import ListedJob
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.timestamps import from_milliseconds
from tests.support.aws_calls import calls
from tests.support.functions import load
from tests.support.http_api import Ask
from tests.support.jobs import create_job
from tests.support.template import SETTINGS, template
from tests.support.waiting import HANG_SECONDS

pytestmark = pytest.mark.usefixtures("cloud", "background_queue")
START = 1_772_000_000_000
NAMES = ["Alps.mp4", "=1+1.mov", "Über, uns.mp4", 'a "b"&c.mp4', "＝x.mp4"]  # noqa: RUF001 - full-width on purpose
QUERIES: list[dict[str, Any]] = [
    {},
    {"status": ["failed", "cancelled"], "sort_by": "updated_at"},
    {"search": "MP4", "sort_by": "filename", "sort_order": "asc"},
    {"batch_id": "b1", "sort_order": "asc"},
    {"priority": 2, "from_date": from_milliseconds(START + 3000)},
]


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A page is three jobs, and a part has at least 600 bytes."""
    monkeypatch.setattr(export_service, "PART", 600)
    monkeypatch.setattr(export_service, "_PAGE", 3)
    monkeypatch.setattr(export, "MAX_INLINE_BYTES", 200)
    monkeypatch.setattr("moto.s3.models.S3_UPLOAD_PART_MIN_SIZE", 600)


@pytest.fixture
def no_time(ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request has no time at all to export anything."""
    import chalicelib.views.exports  # its folder is on the path since `load`

    monkeypatch.setattr(chalicelib.views.exports, "SECONDS", 0.0)


def create(count: int = 12, account: str = "acme") -> None:
    for number in range(count):
        job = create_job(
            at=START + 1000 * number,
            account=account,
            filename=NAMES[number % 5],
            priority=1 + number % 3,
            batch_id=f"b{number % 2}",
        )
        name_index_store.follow(
            JobEvent.model_validate(job.model_dump() | {"event_id": "", "version": 1, "outputs": []})
        )
        if number % 4:
            transition_store.transition(job.job_id, [Status.FAILED, Status.CANCELLED, Status.QUEUED][number % 3])


def listed(ask: Ask, query: dict[str, Any]) -> str:
    """The list's jobs as they stand in its pages, put together."""
    pages: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        answer = ask("GET", "/jobs", query={**query, **cursor, "per_page": 5})
        assert answer.status_code == 200, answer.body
        text = answer.body.decode()
        pages.append(text[text.index('"jobs":[') + 8 : text.rindex('],"next_cursor"')])
        if answer.json_body["next_cursor"] is None:
            return f"[{','.join(page for page in pages if page)}]"
        cursor = {"cursor": answer.json_body["next_cursor"]}


def fetch(answer: HTTPResponse) -> bytes:
    """What a redirect leads to."""
    assert answer.status_code == 303, answer.body
    found = requests.get(answer.headers["Location"], timeout=HANG_SECONDS)
    assert found.status_code == 200, found.text
    return found.content


def rows(body: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline="")))


def as_rows(text: str) -> list[list[str]]:
    """The list's JSON as the CSV should read."""
    cells = [
        ["" if value is None else export.escape_formula(str(value)) for value in job.values()]
        for job in json.loads(text)
    ]
    return [list(ListedJob.model_fields), *cells]


def queued_messages() -> list[str]:
    """Takes every message off the queue."""
    client, found = boto3.client("sqs"), []
    while messages := client.receive_message(QueueUrl=SETTINGS["BACKGROUND_QUEUE"], MaxNumberOfMessages=10).get(
        "Messages"
    ):
        for message in messages:
            found.append(message["Body"])
            client.delete_message(QueueUrl=SETTINGS["BACKGROUND_QUEUE"], ReceiptHandle=message["ReceiptHandle"])
    return found


def work(body: str, received: int = 1) -> Any:
    """Gives a message to the function, as SQS would."""
    door = load("background")
    with Client(door.app) as client:
        event = client.events.generate_sqs_event([body], queue_name="background")
        event["Records"][0]["attributes"]["ApproximateReceiveCount"] = str(received)
        return client.lambda_.invoke("run_background_work", event).payload


class Ticks:
    """Time for so many pages."""

    def __init__(self, pages: int) -> None:
        self.left = pages

    def __call__(self) -> bool:
        self.left -= 1
        return self.left >= 0


class TestInTheAnswer:
    @pytest.mark.parametrize("query", QUERIES, ids=str)
    def test_an_export_is_the_list_put_together(self, ask: Ask, query: dict[str, Any]) -> None:
        create()
        create(3, "stranger")
        expected = listed(ask, query)
        answer = ask("GET", "/jobs/export", query={**query, "format": "json"})
        assert (answer.status_code, answer.body.decode()) == (200, expected)
        assert len(json.loads(expected)) > 1
        assert answer.headers["Content-Type"] == "application/json"
        assert rows(ask("GET", "/jobs/export", query={**query, "format": "csv"}).body) == as_rows(expected)

    def test_it_is_a_download(self, ask: Ask) -> None:
        create(1)
        answer = ask("GET", "/jobs/export")
        assert answer.headers["Content-Type"] == "text/csv; charset=utf-8"
        name = answer.headers["Content-Disposition"]
        assert name.startswith('attachment; filename="jobs-20')
        assert '.csv"' in name

    def test_no_jobs_are_an_empty_file(self, ask: Ask) -> None:
        assert ask("GET", "/jobs/export", query={"format": "json"}).body == b"[]"
        assert rows(ask("GET", "/jobs/export").body) == [list(ListedJob.model_fields)]

    @pytest.mark.parametrize("query", [{"format": "xlsx"}, {"status": "done"}, {"page": 1}], ids=str)
    def test_what_it_does_not_know_it_refuses(self, ask: Ask, query: dict[str, Any]) -> None:
        assert ask("GET", "/jobs/export", query=query).status_code == 422


@pytest.mark.usefixtures("small_parts")
class TestInTheBucket:
    @pytest.mark.parametrize("query", QUERIES[1:3], ids=str)
    def test_what_is_too_large_for_an_answer_is_an_object(self, ask: Ask, query: dict[str, Any]) -> None:
        create()
        expected = listed(ask, query)
        answer = ask("GET", "/jobs/export", query={**query, "format": "json"})
        assert fetch(answer).decode() == expected
        assert "response-content-disposition=attachment" in answer.headers["Location"]
        assert rows(fetch(ask("GET", "/jobs/export", query=query))) == as_rows(expected)

    def test_it_lies_below_its_account_and_nothing_else_is_left(self, ask: Ask) -> None:
        create()
        fetch(ask("GET", "/jobs/export"))
        (key,) = MediaBucket.from_environment().sizes("")
        assert key.startswith("exports/acme/")
        assert not boto3.client("s3").list_multipart_uploads(Bucket="media").get("Uploads")


@pytest.mark.usefixtures("small_parts", "no_time")
class TestHandedOver:
    @pytest.mark.parametrize("form", ["csv", "json"])
    def test_it_is_polled_until_it_is_ready(self, ask: Ask, form: str) -> None:
        create()
        expected = listed(ask, {})
        answer = ask("GET", "/jobs/export", query={"format": form})
        assert answer.status_code == 202
        place = answer.headers["Location"]
        assert place == f"/exports/{answer.json_body['export_id']}"
        assert ask("GET", place).status_code == 202
        assert int(ask("GET", place).headers["Retry-After"]) > 0
        while messages := queued_messages():
            work(messages[0])
        body = fetch(ask("GET", place))
        assert rows(body) == as_rows(expected) if form == "csv" else body.decode() == expected

    def test_it_hands_itself_on_until_it_is_ready(self, ask: Ask) -> None:
        create()
        expected = listed(ask, {})
        export_id = ask("GET", "/jobs/export", query={"format": "json"}).json_body["export_id"]
        runs = 0
        while messages := queued_messages():
            assert messages == [json.dumps({"kind": "export", "export_id": export_id})]
            export_service.resume(export_id, Ticks(0), 60)
            runs += 1
        assert runs == 3
        assert fetch(ask("GET", f"/exports/{export_id}")).decode() == expected

    def test_a_second_copy_of_the_message_changes_nothing(self, ask: Ask) -> None:
        create()
        expected = listed(ask, {})
        export_id = ask("GET", "/jobs/export", query={"format": "json"}).json_body["export_id"]
        (message,) = queued_messages()
        export_service.resume(export_id, Ticks(1), 60)
        with calls() as sent:
            for _ in range(9):
                work(message)
        assert sent.count("CompleteMultipartUpload") == 1
        assert fetch(ask("GET", f"/exports/{export_id}")).decode() == expected

    def test_one_run_at_a_time_goes_on_with_it(self, ask: Ask) -> None:
        create()
        export_id = ask("GET", "/jobs/export").json_body["export_id"]

        def meanwhile() -> bool:
            with pytest.raises(export_store.LockedElsewhere):
                export_service.resume(export_id, Ticks(9), 60)
            return True

        assert export_service.resume(export_id, meanwhile, 60) == "ready"

    @pytest.mark.parametrize(
        ("count", "operation"),
        [(1, "UploadPart"), (2, "UploadPart"), (3, "UpdateItem"), (1, "CompleteMultipartUpload")],
    )
    def test_a_run_that_dies_anywhere_is_made_good_by_the_next(self, ask: Ask, count: int, operation: str) -> None:
        create()
        expected = listed(ask, {})
        export_id = ask("GET", "/jobs/export", query={"format": "json"}).json_body["export_id"]
        with dying_after(count, operation), pytest.raises(Died):
            export_service.resume(export_id, Ticks(99), 60)
        ExportRow(export_id).update([ExportRow.held_until.set(0)])  # a minute passes
        assert export_service.resume(export_id, Ticks(99), 60) == "ready"
        assert fetch(ask("GET", f"/exports/{export_id}")).decode() == expected

    def test_one_that_cannot_be_finished_says_so(self, ask: Ask, monkeypatch: pytest.MonkeyPatch) -> None:
        create()
        place = ask("GET", "/jobs/export").headers["Location"]
        (message,) = queued_messages()
        monkeypatch.setattr(page_query, "page", broken)
        with pytest.raises(Exception, match="All records"):
            work(message, received=1)
        assert ask("GET", place).status_code == 202
        ExportRow(place.rpartition("/")[2]).update([ExportRow.held_until.set(0)])  # minutes pass
        with pytest.raises(Exception, match="All records"):
            work(message, received=load("background").MAX_RECEIVES)
        answer = ask("GET", place)
        assert answer.status_code == 410
        assert answer.json_body["type"].endswith("export-failed")
        assert "ask for a new one" in answer.json_body["detail"]

    def test_one_that_is_not_heard_of_any_more_has_failed(self, ask: Ask) -> None:
        create()
        place = ask("GET", "/jobs/export").headers["Location"]
        ExportRow(place.rpartition("/")[2]).update([ExportRow.heard_at.set(0)])
        assert ask("GET", place).status_code == 410

    def test_strangers_and_the_day_after_find_nothing(self, ask: Ask) -> None:
        create()
        place = ask("GET", "/jobs/export").headers["Location"]
        assert ask("GET", place, key=key_store.create("stranger")).status_code == 404
        assert ask("GET", "/exports/01ARZ3NDEKTSV4RRFFQ69G5FAV").status_code == 404
        assert ask("GET", "/exports/nothing").status_code == 404
        ExportRow(place.rpartition("/")[2]).update([ExportRow.expires.set(0)])
        assert ask("GET", place).status_code == 404
        (message,) = queued_messages()
        assert work(message) == {"batchItemFailures": []}


class Died(BaseException):
    """The process is gone."""


@contextmanager
def dying_after(count: int, operation: str) -> Iterator[None]:
    """Within the block, the process dies when the answer of the n-th such call has come."""
    left, send = count, Endpoint.make_request

    def dying(endpoint: Endpoint, model: Any, request: Any) -> Any:
        nonlocal left
        answer = send(endpoint, model, request)
        left -= model.name == operation
        if not left:
            raise Died
        return answer

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Endpoint, "make_request", dying)
        yield


def broken(*_: Any, **__: Any) -> Page:
    raise ClientError({"Error": {"Code": "InternalServerError", "Message": "no"}}, "Query")


class Abyss:
    """S3 that keeps sizes and a hash: moto would keep all the bytes in the process that is measured."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.hash = hashlib.sha256()

    def create_multipart_upload(self, **_: Any) -> dict[str, Any]:
        return {"UploadId": "1"}

    def upload_part(self, *, Body: bytes, **_: Any) -> dict[str, Any]:  # noqa: N803 - as boto3 has it
        self.sizes.append(len(Body))
        self.hash.update(Body)
        return {"ETag": "1"}


def test_a_hundred_thousand_jobs_take_a_few_megabytes_of_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    row = {"status": "failed", "priority": 5, "filename": "a film.mp4"}
    row |= {"created_at": "2026-03-01T12:00:00.000Z", "updated_at": "2026-03-01T12:00:00.000Z"}

    def page(account: str, filters: Any, *, limit: int, position: Any, **_: Any) -> Page:
        start = position["start"] if position else 0
        end = min(start + limit, 100_000)
        found: list[index_query.ListedRow] = [row | {"job_id": f"{number:026d}"} for number in range(start, end)]
        return Page(found, {"start": end} if end < 100_000 else None, 0)

    s3 = Abyss()
    monkeypatch.setattr(page_query, "page", page)
    monkeypatch.setattr(MediaBucket.from_environment(), "client", s3)
    tracemalloc.start()
    run = export_service.advance(export_service.new("acme", ExportJobs(format="json")), lambda: True)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 15_000_000 < sum(s3.sizes)
    assert min(s3.sizes) >= export_service.PART
    every_job = page_query.documents("acme", page("acme", None, limit=100_000, position=None).rows)
    s3.hash.update(run.tail)
    assert s3.hash.digest() == hashlib.sha256(ExportedJobs(every_job).model_dump_json().encode()).digest()


def test_the_queue_gives_up_when_the_function_does() -> None:
    queue, function = (
        template()["Resources"][name]["Properties"] for name in ("BackgroundQueue", "BackgroundFunction")
    )
    assert queue["RedrivePolicy"]["maxReceiveCount"] == load("background").MAX_RECEIVES
    assert function["Timeout"] * 1000 >= 2 * load("background").RESERVED_MILLISECONDS
    assert queue["VisibilityTimeout"] >= 6 * function["Timeout"]
