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
from mediajobs.storage.streaming_upload_client import StoredObject
from tests.support.waiting import HANG_SECONDS, until

BODY = random.Random(1).randbytes(17 << 20)  # two parts and a bit  # noqa: S311


def read(bucket: MediaBucket, key: str) -> bytes:
    return b"".join(bucket.read_chunks(key, 5 << 20))


def test_a_large_body_goes_up_in_parts_while_it_is_written(bucket: MediaBucket) -> None:
    upload = bucket.streaming_upload("large", "video/mp4")
    for start in range(0, len(BODY), 1 << 20):
        upload.write(BODY[start : start + (1 << 20)])
    assert bucket.size("large") is None
    stored = upload.close()
    assert stored == StoredObject("large", len(BODY), hashlib.sha256(BODY).hexdigest())
    assert upload.uploaded == bucket.size("large") == len(BODY)
    assert read(bucket, "large") == BODY
    assert bucket.client.head_object(Bucket=bucket.name, Key="large")["ContentType"] == "video/mp4"


@pytest.mark.parametrize("size", [0, 1, streaming_upload_client.PART_BYTES - 1])
def test_a_small_body_is_one_put(bucket: MediaBucket, monkeypatch: pytest.MonkeyPatch, size: int) -> None:
    monkeypatch.setattr(bucket.client, "create_multipart_upload", lambda **_: pytest.fail("multipart"))
    upload = bucket.streaming_upload("small", "text/plain")
    upload.write(BODY[:size])
    assert upload.close().size_bytes == upload.uploaded == size
    assert read(bucket, "small") == BODY[:size]


def test_an_aborted_upload_leaves_nothing(bucket: MediaBucket) -> None:
    upload = bucket.streaming_upload("aborted", "video/mp4")
    upload.write(BODY)
    upload.abort()
    upload.abort()
    assert bucket.size("aborted") is None
    assert "Uploads" not in bucket.client.list_multipart_uploads(Bucket=bucket.name, Prefix="aborted")
    with pytest.raises(ValueError, match="ended"):
        upload.write(b"more")


def test_an_upload_that_a_later_run_has_forgotten_can_be_aborted(bucket: MediaBucket) -> None:
    upload = bucket.streaming_upload("forgotten", "video/mp4")
    upload.write(BODY[: streaming_upload_client.PART_BYTES])
    until(lambda: upload.uploaded == streaming_upload_client.PART_BYTES)
    bucket.abort_uploads("forgotten")
    upload.abort()
    assert bucket.size("forgotten") is None


def test_a_part_that_fails_is_told_and_leaves_nothing(bucket: MediaBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(**_: object) -> None:
        raise ConnectionError("no storage")

    monkeypatch.setattr(bucket.client, "upload_part", fail)
    upload = bucket.streaming_upload("failed", "video/mp4")
    upload.write(BODY[: streaming_upload_client.PART_BYTES])
    with pytest.raises(ConnectionError):
        upload.close()
    assert bucket.size("failed") is None
    assert "Uploads" not in bucket.client.list_multipart_uploads(Bucket=bucket.name, Prefix="failed")


class Slots(threading.Semaphore):
    """Says when somebody has to wait."""

    def __init__(self, is_full: threading.Event) -> None:
        super().__init__(streaming_upload_client.WORKERS)
        self._is_full = is_full

    def acquire(self, blocking: bool = True, timeout: float | None = None) -> bool:  # noqa: FBT001, FBT002 - as there
        if super().acquire(blocking=False):
            return True
        self._is_full.set()
        return super().acquire(blocking, timeout)


def test_writing_waits_while_the_storage_is_slow(bucket: MediaBucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streaming_upload_client, "PART_BYTES", 1 << 10)
    gate = threading.Event()
    monkeypatch.setattr(bucket.client, "upload_part", lambda **_: (gate.wait(), {"ETag": "x"})[1])
    upload = bucket.streaming_upload("waiting", "video/mp4")
    is_full = threading.Event()
    upload._free_slots = Slots(is_full)
    writer = threading.Thread(target=upload.write, args=(bytes(1 << 20),), daemon=True)
    writer.start()
    until(lambda: is_full.is_set() or not writer.is_alive())
    assert writer.is_alive()
    assert len(upload._parts) == streaming_upload_client.WORKERS
    gate.set()
    writer.join(HANG_SECONDS)
    assert not writer.is_alive()
    upload.abort()


def test_half_made_uploads_of_one_prefix_are_forgotten(bucket: MediaBucket) -> None:
    for key in ("outputs/1/a", "outputs/1/b", "outputs/2/a"):
        bucket.client.create_multipart_upload(Bucket=bucket.name, Key=key)
    bucket.abort_uploads("outputs/1/")
    left = bucket.client.list_multipart_uploads(Bucket=bucket.name, Prefix="outputs/").get("Uploads", [])
    assert [upload["Key"] for upload in left] == ["outputs/2/a"]
    bucket.abort_uploads("outputs/2/")


def test_ranges_end_where_the_object_ends(bucket: MediaBucket) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key="ten", Body=b"0123456789")
    assert bucket.read_range("ten", 4, 3) == b"456"
    assert bucket.read_range("ten", 8, 100) == b"89"
    assert bucket.read_range("ten", 10, 5) == b""


def test_an_object_that_is_replaced_while_it_is_read_is_noticed(bucket: MediaBucket) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key="changing", Body=b"0123456789")
    chunks = bucket.read_chunks("changing", 4)
    assert next(chunks) == b"0123"
    bucket.client.put_object(Bucket=bucket.name, Key="changing", Body=b"abcdefghij")
    with pytest.raises(ClientError):
        next(chunks)


def test_documents_come_back_as_they_were_written(bucket: MediaBucket) -> None:
    bucket.write_json("document", {"title": "Ünï", "numbers": [1, 2.5, None]})
    assert bucket.read_json("document") == {"title": "Ünï", "numbers": [1, 2.5, None]}
    assert bucket.read_json("nowhere") is None
    assert bucket.size("nowhere") is None


def test_a_file_is_uploaded_with_its_hash(bucket: MediaBucket, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(BODY)
    with (tmp_path / "file").open("rb") as file:
        stored = bucket.upload(file, "file", "audio/mpeg")
    assert stored.sha256 == hashlib.sha256(BODY).hexdigest()
    assert bucket.size("file") == len(BODY)


@pytest.mark.parametrize("name", ["Überraschung.mp4", 'a"b\\c.mp4', "a;b=c.mp4", "line\r\nbreak.mp4", "100%.mp4"])
def test_a_presigned_url_saves_under_the_right_name(bucket: MediaBucket, name: str) -> None:
    bucket.client.put_object(Bucket=bucket.name, Key="named", Body=b"x")
    answer = requests.get(bucket.presigned_download("named", name, "video/mp4"), timeout=HANG_SECONDS)
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
    assert bucket_store.content_disposition("\r\n") == "attachment; filename=\"download\"; filename*=UTF-8''download"
