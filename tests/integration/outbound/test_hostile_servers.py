"""Servers that hold a client up, flood it or lie to it: each trick ends, by name, and tells no secret."""

import logging
import socket
import threading
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest

from mediajobs.errors import JobError
from mediajobs.outbound import http_client, pinned_transport
from statemachine.tasks import source_download
from tests.support import hostile_servers, http_sites
from tests.support.hostile_servers import FLOODED_BODIES, FLOODS, SLOW, SLOW_BODIES, redirects, says, with_length
from tests.support.waiting import HANG_SECONDS
from tests.support.webhook_receivers import Behaviour, receiver

SECRET = "hunter2secret"
SHORT = 0.5  # seconds
MAX_BYTES = 1 << 20


@pytest.fixture(autouse=True)
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trusted one. Of the loopback, 127.0.0.1 alone counts as public."""
    path = http_sites.certificate_for(tmp_path, "127.0.0.1", "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(path))
    monkeypatch.setattr(pinned_transport, "is_public", lambda address: address == "127.0.0.1")
    return path


@pytest.fixture(autouse=True)
def no_secret_is_logged(caplog: pytest.LogCaptureFixture) -> Iterator[None]:
    """Whatever the level of the log."""
    caplog.set_level(logging.DEBUG)
    yield
    assert SECRET not in caplog.text


def download(url: str, head_seconds: float = HANG_SECONDS, speed_seconds: float = HANG_SECONDS) -> bytes:
    chunks: list[bytes] = []
    source_download.download(
        f"{url}?X-Amz-Signature={SECRET}",
        chunks.append,
        max_bytes=MAX_BYTES,
        on_progress=lambda _: None,
        head_seconds=head_seconds,
        speed_seconds=speed_seconds,
    )
    return b"".join(chunks)


def refusal(url: str, head_seconds: float = HANG_SECONDS, speed_seconds: float = HANG_SECONDS) -> JobError:
    with pytest.raises(JobError) as caught:
        download(url, head_seconds, speed_seconds)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return caught.value


def send(url: str, seconds: float = HANG_SECONDS) -> http_client.HttpResponse:
    headers = {"webhook-signature": SECRET, "Authorization": f"Bearer {SECRET}"}
    return http_client.post(f"{url}?token={SECRET}", b"{}", headers, seconds=seconds, max_bytes=1024)


def not_sent(url: str, seconds: float = HANG_SECONDS) -> str:
    with pytest.raises(http_client.NoResponse) as caught:
        send(url, seconds)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    return caught.value.code


def each(tricks: dict[str, Behaviour]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("trick", tricks.values(), ids=tricks)


@each(SLOW)
def test_a_source_whose_head_never_ends_is_given_up(certificate: Path, trick: Behaviour) -> None:
    with receiver(trick, certificate=certificate) as site:
        error = refusal(site.url, head_seconds=SHORT)
    assert (error.code, error.retryable) == ("source_unreachable", True)
    assert "no answer came in time" in error.message
    assert "Give a URL whose server answers within 30 s" in error.message


@each(SLOW_BODIES)
def test_a_source_whose_body_never_ends_is_given_up(certificate: Path, trick: Behaviour) -> None:
    with receiver(trick, certificate=certificate) as site:
        error = refusal(site.url, speed_seconds=SHORT)
    assert (error.code, error.retryable) == ("source_unreachable", True)
    assert "it sends too slowly" in error.message


@each(FLOODS)
def test_a_source_with_a_flood_for_a_head_is_given_up(certificate: Path, trick: Behaviour) -> None:
    with receiver(trick, certificate=certificate) as site:
        error = refusal(site.url)
    assert error.code == "source_unreachable"
    assert "not HTTP/1.1" in error.message


@each(FLOODED_BODIES)
def test_a_source_whose_body_is_malformed_is_given_up(certificate: Path, trick: Behaviour) -> None:
    with receiver(trick, certificate=certificate) as site:
        error = refusal(site.url)
    assert (error.code, error.retryable) == ("source_unreachable", True)
    assert "in the middle of the answer" in error.message


def test_the_head_has_one_deadline_over_all_redirects(certificate: Path) -> None:
    slow_redirect = hostile_servers.waits_and_says(0.2, redirects("/next"))
    with receiver(slow_redirect, certificate=certificate) as site:
        error = refusal(site.url, head_seconds=SHORT)
    assert "no answer came in time" in error.message
    assert len(site.requests) <= 3


def test_a_handshake_that_never_ends_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        url = f"https://127.0.0.1:{listening.getsockname()[1]}/"
        error = refusal(url, head_seconds=SHORT)
    assert "no answer came in time" in error.message


def test_redirects_in_a_circle_end(certificate: Path) -> None:
    with receiver(says(redirects("/hook?again")), certificate=certificate) as site:
        error = refusal(site.url)
    assert (error.code, error.retryable, len(site.requests)) == ("source_unreachable", False, 6)
    assert "redirects more than 5 times" in error.message


@pytest.mark.parametrize(
    ("target", "code"),
    [
        ("https://127.0.0.2:{port}/", "source_forbidden_address"),
        ("https://[::1]:{port}/", "source_forbidden_address"),
        ("https://169.254.169.254/latest/meta-data", "source_forbidden_address"),
        ("https://2130706434:{port}/", "source_forbidden_address"),
        ("http://127.0.0.1:{port}/", "source_url_scheme"),
        ("file:///etc/passwd", "source_url_scheme"),
        ("https://127.0.0.1:6667/", "source_url_scheme"),
        (f"https://me:{SECRET}@127.0.0.1/", "source_url_scheme"),
        ("https://127.0.0.1\\@127.0.0.2/", "source_url_scheme"),
        ("https://" + "a" * 300 + ".example/", "source_url_scheme"),
        ("https://example.com/" + "a" * 9000, "source_url_scheme"),
    ],
)
def test_a_redirect_to_where_nobody_may_go_is_not_followed(certificate: Path, target: str, code: str) -> None:
    with receiver(says(with_length("1", b"x")), host="127.0.0.2", certificate=certificate) as inside:
        port = inside.url.rpartition(":")[2].partition("/")[0]
        with receiver(says(redirects(target.format(port=port))), certificate=certificate) as site:
            assert refusal(site.url).code == code
    assert inside.requests == []


def test_a_bomb_is_not_unpacked(certificate: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\n"
    with receiver(says(head, hostile_servers.ZIPPED), certificate=certificate) as site:
        error = refusal(site.url)
        answer = send(site.url)
    assert error.code == "source_unreachable"
    assert "Turn the compression off" in error.message
    assert answer.body == hostile_servers.ZIPPED[:1024]


def test_a_bomb_in_the_transfer_is_not_unpacked_either(certificate: Path) -> None:
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n"
    with receiver(says(head, hostile_servers.ZIPPED), certificate=certificate) as site:
        assert download(site.url) == hostile_servers.ZIPPED


@pytest.mark.parametrize(
    ("announced", "sent", "taken"), [("5", b"12345, and more", b"12345"), ("-1", b"all", b"all"), ("0", b"no", b"")]
)
def test_a_length_that_is_a_lie_takes_nothing_more(
    certificate: Path, announced: str, sent: bytes, taken: bytes
) -> None:
    with receiver(says(with_length(announced, sent)), certificate=certificate) as site:
        assert download(site.url) == taken


@pytest.mark.parametrize("length", ["9" * 30, str(MAX_BYTES + 1)])
def test_a_length_that_is_too_large_is_refused_at_once(certificate: Path, length: str) -> None:
    with receiver(says(with_length(length, b"x")), certificate=certificate) as site:
        assert refusal(site.url).code == "source_too_large"


@pytest.mark.parametrize("size", [b"-5", b"ffffffffffffffffffff"])
def test_a_chunk_of_an_odd_size_takes_no_more_than_may_be(certificate: Path, size: bytes) -> None:
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + b"\r\n"
    with receiver(hostile_servers.repeats(chunked, bytes(65536)), certificate=certificate) as site:
        assert refusal(site.url).code == "source_too_large"


def test_what_is_slow_for_other_reasons_is_not_held_against_the_server(certificate: Path) -> None:
    """The time of `write` does not count: here each is longer than the server may take."""
    taken = bytearray()

    def write_slowly(chunk: bytes) -> None:
        threading.Event().wait(2 * SHORT)
        taken.extend(chunk)

    with receiver(says(with_length("100000", bytes(100_000))), certificate=certificate) as site:
        source_download.download(
            site.url, write_slowly, max_bytes=MAX_BYTES, on_progress=lambda _: None, speed_seconds=SHORT
        )
    assert len(taken) == 100_000


@pytest.mark.parametrize("url", ["https://127.0.0.1:{closed}/a", "https://nowhere.invalid/a", "https://127.0.0.2/a"])
def test_what_cannot_be_connected_to_is_told_without_secrets(url: str) -> None:
    url = url.format(closed=http_sites.closed_port())
    assert refusal(url).code in ("source_unreachable", "source_url_scheme", "source_forbidden_address")
    assert not_sent(url) in ("connection_failed", "bad_url", "name_not_found", "forbidden_address")


def test_a_certificate_that_nobody_vouches_for_is_told_without_secrets(
    certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with receiver(says(with_length("1", b"x")), certificate=certificate) as site:
        assert "Renew the server's certificate" in refusal(site.url).message
        assert not_sent(site.url) == "tls_failed"


@each(SLOW)
def test_a_webhook_whose_head_never_ends_is_given_up(certificate: Path, trick: Behaviour) -> None:
    with receiver(trick, certificate=certificate) as site:
        assert not_sent(site.url, SHORT) == "timed_out"


@each(FLOODS)
def test_a_webhook_with_a_flood_for_a_head_is_given_up(certificate: Path, trick: Behaviour) -> None:
    with receiver(trick, certificate=certificate) as site:
        assert not_sent(site.url) == "malformed_answer"


@each(SLOW_BODIES)
def test_of_a_webhook_whose_body_never_ends_the_status_counts(
    certificate: Path, trick: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(http_client, "_BODY_SECONDS", SHORT)
    with receiver(trick, certificate=certificate) as site:
        assert send(site.url).status == 200


@each(FLOODED_BODIES)
def test_a_webhook_whose_body_is_malformed_has_not_arrived(certificate: Path, trick: Behaviour) -> None:
    with receiver(trick, certificate=certificate) as site:
        assert not_sent(site.url) == "broken_off"
