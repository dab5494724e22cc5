import hashlib
import socket
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from mediajobs.errors import JobError, Stopped
from mediajobs.outbound import pinned_transport
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.streaming_upload_client import StoredObject
from statemachine.tasks import source_download, store_source
from statemachine.tasks.context import TaskContext
from tests.support import http_sites
from tests.support.http_sites import body, chunked, redirect, site
from tests.support.task_context import Recorder, job

FILM = bytes(range(256)) * 80_000  # 20 MB: three parts


def wanting(bucket: MediaBucket, url: str, recorder: Recorder | None = None) -> TaskContext:
    """A job that has a URL and nothing in the bucket."""
    context = job(bucket, b"")
    bucket.delete(f"sources/{context.job_id}/source")
    return replace(context, source_url=url, reporter=recorder or Recorder())


def expected(context: TaskContext, content: bytes) -> StoredObject:
    return StoredObject(f"sources/{context.job_id}/source", len(content), hashlib.sha256(content).hexdigest())


def in_bucket(context: TaskContext) -> list[Any]:
    """The source and its half-made uploads."""
    prefix = f"sources/{context.job_id}/"
    client = context.bucket.client
    return [
        *client.list_objects_v2(Bucket="media", Prefix=prefix).get("Contents", []),
        *client.list_multipart_uploads(Bucket="media", Prefix=prefix).get("Uploads", []),
    ]


def refusal(context: TaskContext) -> JobError:
    """Why the source is not stored; nothing of it is left."""
    with pytest.raises(JobError) as caught:
        store_source.store(context)
    assert in_bucket(context) == []
    assert caught.value.task == "store_source"
    return caught.value


@pytest.fixture
def private_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOW_PRIVATE_URLS", "true")


@pytest.fixture
def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate that is trusted; of the loopback, 127.0.0.1 alone counts as public."""
    certificate = http_sites.certificate_for(tmp_path, "127.0.0.1", "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(pinned_transport, "is_public", lambda address: address == "127.0.0.1")
    return certificate


def test_an_uploaded_source_is_hashed_with_true_progress(bucket: MediaBucket) -> None:
    recorder = Recorder()
    context = replace(job(bucket, FILM), reporter=recorder)

    assert store_source.store(context) == expected(context, FILM)
    percent = recorder.percent["store_source"]
    assert percent == sorted(percent)
    assert percent[-1] == 100
    assert recorder.finished == ["store_source"]


def test_an_upload_that_never_came_is_named(bucket: MediaBucket) -> None:
    error = refusal(replace(wanting(bucket, ""), source_url=None))

    assert (error.code, error.retryable) == ("source_not_found", False)


def test_a_url_is_streamed_into_the_bucket(bucket: MediaBucket, private_allowed: None) -> None:
    recorder = Recorder()
    with site({"/film": body(FILM)}) as server:
        context = wanting(bucket, f"{server.url}/film", recorder)

        assert store_source.store(context) == expected(context, FILM)

    assert b"".join(bucket.read_chunks(f"sources/{context.job_id}/source")) == FILM
    assert recorder.percent["store_source"][-1] == 100
    assert recorder.finished == ["store_source"]


def test_a_body_of_unknown_length_is_taken_whole_and_its_progress_is_not_guessed(
    bucket: MediaBucket, private_allowed: None
) -> None:
    recorder = Recorder()
    with site({"/film": chunked(b"one", b"two" * 50_000)}) as server:
        context = wanting(bucket, f"{server.url}/film", recorder)

        assert store_source.store(context) == expected(context, b"one" + b"two" * 50_000)

    assert set(recorder.percent["store_source"]) == {0.0}


def test_a_source_from_an_earlier_attempt_is_used_again(bucket: MediaBucket, private_allowed: None) -> None:
    with site({"/film": body(FILM)}) as server:
        context = wanting(bucket, f"{server.url}/film")
        first = store_source.store(context)

        assert store_source.store(replace(context, attempt=2)) == first

    assert server.asked == ["/film"]


def test_https_is_fetched_where_the_certificate_is_good(bucket: MediaBucket, secure: Path) -> None:
    with site({"/film": body(b"film")}, certificate=secure) as server:
        context = wanting(bucket, f"{server.url}/film")

        assert store_source.store(context) == expected(context, b"film")


def test_a_certificate_that_nobody_vouches_for_is_refused(
    bucket: MediaBucket, secure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with site({"/film": body(b"film")}, certificate=secure) as server:
        assert refusal(wanting(bucket, f"{server.url}/film")).code == "source_unreachable"

    assert server.asked == []


def test_redirects_are_followed_to_their_end(bucket: MediaBucket, private_allowed: None) -> None:
    answers = {"/1": redirect("/2", 301), "/2": redirect("/3", 307), "/3": redirect("/film"), "/film": body(b"film")}
    with site(answers) as server:
        context = wanting(bucket, f"{server.url}/1")

        assert store_source.store(context) == expected(context, b"film")


def test_the_body_of_a_redirect_is_not_read(bucket: MediaBucket, private_allowed: None) -> None:
    def endless_redirect(request: BaseHTTPRequestHandler) -> None:
        request.send_response(302)
        request.send_header("Location", "/film")
        request.end_headers()
        http_sites.pour(request)

    with site({"/1": endless_redirect, "/film": body(b"film")}) as server:
        context = wanting(bucket, f"{server.url}/1")

        assert store_source.store(context) == expected(context, b"film")


def test_redirects_without_end_are_given_up(bucket: MediaBucket, private_allowed: None) -> None:
    with site({"/round": redirect("/round")}) as server:
        error = refusal(wanting(bucket, f"{server.url}/round"))

    assert (error.code, error.retryable, len(server.asked)) == ("source_unreachable", False, 6)


def test_a_redirect_to_a_private_address_is_not_followed(bucket: MediaBucket, secure: Path) -> None:
    with site({"/secret": body(b"secret")}, host="127.0.0.2", certificate=secure) as inside:
        answers = {"/film": redirect(f"{inside.url}/secret")}
        with site(answers, certificate=secure) as outside:
            assert refusal(wanting(bucket, f"{outside.url}/film")).code == "source_forbidden_address"

    assert outside.asked == ["/film"]
    assert inside.asked == []


@pytest.mark.parametrize(
    "target", ["http://127.0.0.1:1/film", "file:///etc/passwd", "https://me:secret@127.0.0.1/film", "//["]
)
def test_a_redirect_is_checked_like_the_first_url(bucket: MediaBucket, secure: Path, target: str) -> None:
    with site({"/film": redirect(target)}, certificate=secure) as server:
        assert refusal(wanting(bucket, f"{server.url}/film")).code == "source_url_scheme"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "2130706433", "0"])
def test_every_way_to_write_the_loopback_is_refused(bucket: MediaBucket, host: str) -> None:
    with site({"/film": body(b"film")}) as server:
        port = server.url.rpartition(":")[2]
        error = refusal(wanting(bucket, f"https://{host}:{port}/film"))

    assert (error.code, error.retryable) == ("source_forbidden_address", False)
    assert server.asked == []


def test_of_a_name_with_several_addresses_only_the_public_one_is_connected_to(
    bucket: MediaBucket, secure: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really = socket.getaddrinfo

    def resolve(host: str, port: int, *rest: Any, **named: Any) -> list[Any]:
        hosts = ["127.0.0.2", "127.0.0.1"] if host == "localhost" else [host]
        return [found for host in hosts for found in really(host, port, *rest, **named)]

    with site({"/film": body(b"film")}, certificate=secure) as server:
        context = wanting(bucket, f"{server.url.replace('127.0.0.1', 'localhost')}/film")
        with monkeypatch.context() as patched:
            patched.setattr(socket, "getaddrinfo", resolve)

            stored = store_source.store(context)

    assert stored == expected(context, b"film")


def test_a_proxy_in_the_environment_does_not_connect_in_our_place(
    bucket: MediaBucket, private_allowed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with site({}) as proxy, site({"/film": body(b"film")}) as server:
        for variable in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.setenv(variable, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        context = wanting(bucket, f"{server.url}/film")

        assert store_source.store(context) == expected(context, b"film")

    assert proxy.asked == []


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/film",
        "ftp://example.com/film",
        "file:///etc/passwd",
        "film.mp4",
        "https:///film",
        "https://[",
        "https://example.com:99999/film",
    ],
)
def test_only_https_urls_are_taken(bucket: MediaBucket, url: str) -> None:
    assert refusal(wanting(bucket, url)).code == "source_url_scheme"


def test_a_body_without_end_is_cut_off_at_the_largest_size(
    bucket: MediaBucket, private_allowed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MAX_SOURCE_BYTES", str(20 << 20))
    with site({"/film": http_sites.endless}) as server:
        assert refusal(wanting(bucket, f"{server.url}/film")).code == "source_too_large"


def test_an_announced_length_that_is_too_large_is_refused_before_the_first_byte(
    bucket: MediaBucket, private_allowed: None
) -> None:
    with site({"/film": body(b"x", length=1 << 50)}) as server:
        error = refusal(wanting(bucket, f"{server.url}/film"))

    assert (error.code, error.retryable) == ("source_too_large", False)


@pytest.mark.parametrize("size", [len(FILM) - 1, len(FILM) + 1])
def test_a_source_of_another_size_than_announced_is_not_stored(
    bucket: MediaBucket, private_allowed: None, size: int
) -> None:
    with site({"/film": body(FILM)}) as server:
        context = wanting(bucket, f"{server.url}/film")
        error = refusal(replace(context, announced_bytes=size))
        assert error.code == ("source_size_mismatch" if size > len(FILM) else "source_too_large")
        exact = replace(context, announced_bytes=len(FILM))
        assert store_source.store(exact) == expected(exact, FILM)


@pytest.mark.parametrize(
    "answer", [body(b"half a fil", length=20), chunked(b"half a fil", ends=False)], ids=["length", "chunked"]
)
def test_a_body_that_breaks_off_is_no_source(
    bucket: MediaBucket, private_allowed: None, answer: http_sites.Answer
) -> None:
    with site({"/film": answer}) as server:
        error = refusal(wanting(bucket, f"{server.url}/film"))

    assert (error.code, error.retryable) == ("source_unreachable", True)


def test_a_server_that_dribbles_is_given_up(
    bucket: MediaBucket, private_allowed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_source, "download", partial(source_download.download, speed_seconds=0.5))
    with site({"/film": http_sites.dribbling}) as server:
        error = refusal(wanting(bucket, f"{server.url}/film"))

    assert (error.code, error.retryable) == ("source_unreachable", True)
    assert "slowly" in error.message


def test_a_server_that_falls_silent_is_given_up(
    bucket: MediaBucket, private_allowed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_source, "download", partial(source_download.download, speed_seconds=0.3))
    with site({"/film": http_sites.silent}) as server:
        error = refusal(wanting(bucket, f"{server.url}/film"))

    assert (error.code, error.retryable) == ("source_unreachable", True)


@pytest.mark.parametrize(
    ("status", "code", "retryable"),
    [
        (404, "source_not_found", False),
        (403, "source_not_found", False),
        (400, "source_unreachable", False),
        (429, "source_unreachable", True),
        (503, "source_unreachable", True),
    ],
)
def test_every_status_has_its_name(
    bucket: MediaBucket, private_allowed: None, *, status: int, code: str, retryable: bool
) -> None:
    with site({"/film": body(b"no", status=status)}) as server:
        error = refusal(wanting(bucket, f"{server.url}/film?signature=secret"))

    assert (error.code, error.retryable) == (code, retryable)
    assert "secret" not in error.message


def test_a_host_that_does_not_answer_is_worth_another_try(bucket: MediaBucket, private_allowed: None) -> None:
    error = refusal(wanting(bucket, f"http://127.0.0.1:{http_sites.closed_port()}/film"))

    assert (error.code, error.retryable) == ("source_unreachable", True)


def test_a_cancelled_fetch_stops_and_leaves_nothing(bucket: MediaBucket, private_allowed: None) -> None:
    recorder = Recorder(stop=lambda percent: percent["store_source"] > 50)
    with site({"/film": body(FILM)}) as server:
        context = wanting(bucket, f"{server.url}/film", recorder)
        with pytest.raises(Stopped):
            store_source.store(context)

    assert in_bucket(context) == []
