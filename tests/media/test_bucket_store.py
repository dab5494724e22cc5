"""The bucket over real HTTP: streaming uploads, ranges, presigned URLs."""

import hashlib
import random
import threading
from pathlib import Path
from urllib.parse import unquote

import pytest
import requests
from botocore.exceptions import ClientError

from mediajobs.storage import bucket_store, streaming_upload_client
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.streaming_upload_client import Stored
from tests.support.waiting import HANG_SECONDS, until

BODY = random.Random(1).randbytes(17 << 20)  # two parts and a bit  # noqa: S311


def read(objects: MediaBucket, key: str) -> bytes:
    return b"".join(objects.read_chunks(key, 5 << 20))


def test_a_large_body_goes_up_in_parts_while_it_is_written(objects: MediaBucket) -> None:
    sink = objects.streaming_upload("large", "video/mp4")
    for start in range(0, len(BODY), 1 << 20):
        sink.write(BODY[start : start + (1 << 20)])
    assert objects.size("large") is None
    stored = sink.close()
    assert stored == Stored("large", len(BODY), hashlib.sha256(BODY).hexdigest())
    assert sink.uploaded == objects.size("large") == len(BODY)
    assert read(objects, "large") == BODY
    assert objects.client.head_object(Bucket=objects.bucket, Key="large")["ContentType"] == "video/mp4"


@pytest.mark.parametrize("size", [0, 1, streaming_upload_client.PART - 1])
def test_a_small_body_is_one_put(objects: MediaBucket, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(objects.client, "create_multipart_upload", lambda **_: pytest.fail("multipart"))
    sink = objects.streaming_upload("small", "text/plain")
    sink.write(BODY[:size])
    assert sink.close().size_bytes == sink.uploaded == size
    assert read(objects, "small") == BODY[:size]


def test_an_aborted_upload_leaves_nothing(objects: MediaBucket) -> None:
    sink = objects.streaming_upload("aborted", "video/mp4")
    sink.write(BODY)
    sink.abort()
    sink.abort()
    assert objects.size("aborted") is None
    assert "Uploads" not in objects.client.list_multipart_uploads(Bucket=objects.bucket, Prefix="aborted")
    with pytest.raises(ValueError, match="ended"):
        sink.write(b"more")


def test_an_upload_that_a_later_run_has_forgotten_can_be_aborted(objects: MediaBucket) -> None:
    sink = objects.streaming_upload("forgotten", "video/mp4")
    sink.write(BODY[: streaming_upload_client.PART])
    until(lambda: sink.uploaded == streaming_upload_client.PART)
    objects.abort_uploads("forgotten")
    sink.abort()
    assert objects.size("forgotten") is None


def test_a_part_that_fails_is_told_and_leaves_nothing(objects: MediaBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ConnectionError("no storage")

    monkeypatch.setattr(objects.client, "upload_part", fail)
    sink = objects.streaming_upload("failed", "video/mp4")
    sink.write(BODY[: streaming_upload_client.PART])
    with pytest.raises(ConnectionError):
        sink.close()
    assert objects.size("failed") is None
    assert "Uploads" not in objects.client.list_multipart_uploads(Bucket=objects.bucket, Prefix="failed")


class Room(threading.Semaphore):
    """Tells when somebody has to wait."""

    def __init__(self, full: threading.Event) -> None:
        super().__init__(streaming_upload_client.WORKERS)
        self._full = full

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002 - as there
        if super().acquire(blocking=False):
            return True
        self._full.set()
        return super().acquire(blocking, timeout)


def test_writing_waits_while_the_storage_is_slow(objects: MediaBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming_upload_client, "PART", 1 << 10)
    gate = threading.Event()
    monkeypatch.setattr(objects.client, "upload_part", lambda **_: (gate.wait(), {"ETag": "x"})[1])
    sink = objects.streaming_upload("waiting", "video/mp4")
    full = threading.Event()
    sink._room = Room(full)
    writer = threading.Thread(target=sink.write, args=(bytes(1 << 20),), daemon=True)
    writer.start()
    until(lambda: full.is_set() or not writer.is_alive())
    assert writer.is_alive()
    assert len(sink._parts) == streaming_upload_client.WORKERS
    gate.set()
    writer.join(HANG_SECONDS)
    assert not writer.is_alive()
    sink.abort()


def test_half_made_uploads_of_one_prefix_are_forgotten(objects: MediaBucket) -> None:
    for key in ("outputs/1/a", "outputs/1/b", "outputs/2/a"):
        objects.client.create_multipart_upload(Bucket=objects.bucket, Key=key)
    objects.abort_uploads("outputs/1/")
    left = objects.client.list_multipart_uploads(Bucket=objects.bucket, Prefix="outputs/").get("Uploads", [])
    assert [upload["Key"] for upload in left] == ["outputs/2/a"]
    objects.abort_uploads("outputs/2/")


def test_ranges_end_where_the_object_ends(objects: MediaBucket) -> None:
    objects.client.put_object(Bucket=objects.bucket, Key="ten", Body=b"0123456789")
    assert objects.read_range("ten", 4, 3) == b"456"
    assert objects.read_range("ten", 8, 100) == b"89"
    assert objects.read_range("ten", 10, 5) == b""


def test_an_object_that_is_replaced_while_it_is_read_is_noticed(objects: MediaBucket) -> None:
    objects.client.put_object(Bucket=objects.bucket, Key="changing", Body=b"0123456789")
    chunks = objects.read_chunks("changing", 4)
    assert next(chunks) == b"0123"
    objects.client.put_object(Bucket=objects.bucket, Key="changing", Body=b"abcdefghij")
    with pytest.raises(ClientError):
        next(chunks)


def test_documents_come_back_as_they_were_written(objects: MediaBucket) -> None:
    objects.write_json("document", {"title": "Ünï", "numbers": [1, 2.5, None]})
    assert objects.read_json("document") == {"title": "Ünï", "numbers": [1, 2.5, None]}
    assert objects.read_json("nowhere") is None
    assert objects.size("nowhere") is None


def test_a_file_is_uploaded_with_its_hash(objects: MediaBucket, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BODY)
    stored = objects.upload_file(tmp_path / "file", "file", "audio/mpeg")
    assert stored.sha256 == hashlib.sha256(BODY).hexdigest()
    assert objects.size("file") == len(BODY)


@pytest.mark.parametrize("name", ["Überraschung.mp4", 'a"b\\c.mp4', "a;b=c.mp4", "line\r\nbreak.mp4", "100%.mp4"])
def test_a_presigned_url_saves_under_the_right_name(objects: MediaBucket, name: str) -> None:
    objects.client.put_object(Bucket=objects.bucket, Key="named", Body=b"x")
    answer = requests.get(objects.presigned_get("named", filename=name), timeout=HANG_SECONDS)
    plain, _, exact = answer.headers["Content-Disposition"].partition("; filename*=UTF-8''")
    assert answer.content == b"x"
    assert unquote(exact) == name.replace("\r\n", "")
    assert plain.isascii()
    assert plain.count('"') == 2


def test_an_endpoint_of_ones_own_is_addressed_by_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-north-1")
    assert MediaBucket("media").presigned_get("k").startswith("https://media.s3.eu-north-1.amazonaws.com/k?")
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:4566")
    assert MediaBucket("media").presigned_get("k").startswith("http://localhost:4566/media/k?")


def test_a_name_of_nothing_but_control_characters_still_saves() -> None:
    assert bucket_store.attachment("\r\n") == "attachment; filename=\"download\"; filename*=UTF-8''download"
