"""Nobody gets us to talk to an inside address: tried against real sockets, and told in the delivery log."""

import socket
import threading
from pathlib import Path
from typing import Any

import pytest

from mediajobs.outbound import http_client, pinned_transport
from mediajobs.webhooks.endpoints import url_fault
from tests.support import http_sites
from tests.support.waiting import HANG_SECONDS
from tests.support.webhook_receivers import answer, receiver
from tests.support.webhooks import webhook_system

FORBIDDEN = {
    "loopback": ["127.0.0.1", "127.8.8.8", "localhost", "[::1]"],
    "private": ["10.0.0.1", "172.16.0.1", "192.168.0.1"],
    "link-local, cloud metadata": ["169.254.169.254", "169.254.170.2", "[fe80::1]", "[fd00:ec2::254]"],
    "carrier-grade NAT": ["100.64.0.1", "100.100.100.200"],
    "multicast": ["224.0.0.1", "[ff02::1]"],
    "reserved and broadcast": ["240.0.0.1", "255.255.255.255"],
    "documentation": ["192.0.2.1", "198.51.100.1", "203.0.113.1", "[2001:db8::1]"],
    "this host": ["0.0.0.0", "0", "[::]"],  # noqa: S104
    "unique local, site-local": ["[fc00::1]", "[fec0::1]"],
    "v4-mapped": ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]"],
    "v4-compatible": ["[::127.0.0.1]"],
    "6to4": ["[2002:7f00:1::]"],
    "NAT64": ["[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]"],
    "Teredo": ["[2001:0:4136:e378:8000:63bf:3fff:fdd2]"],
    "decimal": ["2130706433", "2852039166"],
    "octal": ["0177.0.0.1", "0251.0376.0251.0376"],
    "hex": ["0x7f.1", "0x7f000001", "0xa9fea9fe"],
    "short": ["127.1"],
}


def refusal(url: str, seconds: float = HANG_SECONDS) -> http_client.NoResponse:
    with pytest.raises(http_client.NoResponse) as caught:
        http_client.post(url, b"{}", {}, seconds=seconds, max_bytes=10)
    return caught.value


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A certificate of the loopback's that is trusted."""
    certificate = http_sites.certificate_for(tmp_path, "127.0.0.1", "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    return certificate


@pytest.fixture
def first_is_public(trusted: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Of the loopback, 127.0.0.1 alone counts as public."""
    monkeypatch.setattr(pinned_transport, "is_public", lambda address: address == "127.0.0.1")
    return trusted


@pytest.mark.parametrize(("kind", "host"), [(kind, host) for kind, hosts in FORBIDDEN.items() for host in hosts])
def test_no_inside_address_is_connected_to_however_it_is_written(
    trusted: Path, monkeypatch: pytest.MonkeyPatch, kind: str, host: str
) -> None:
    connected: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda *arguments, **_: connected.append(arguments))
    with receiver(answer(200), certificate=trusted) as site:
        port = site.url.rpartition(":")[2].partition("/")[0]
        error = refusal(f"https://{host}:{port}/hook")

    assert (connected, site.requests) == ([], [])
    assert error.code in ("forbidden_address", "name_not_found"), kind
    if error.code == "forbidden_address":
        assert "is no address of the public internet" in str(error)
    else:  # this system's resolver does not know the notation
        with pytest.raises(OSError, match=r".*"):
            socket.getaddrinfo(host.strip("[]"), 443)


def test_a_name_that_leads_inside_is_refused(trusted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    really = socket.getaddrinfo
    monkeypatch.setattr(socket, "getaddrinfo", lambda _host, *rest, **named: really("127.0.0.1", *rest, **named))
    with receiver(answer(200), certificate=trusted) as site:
        port = site.url.rpartition(":")[2]
        assert refusal(f"https://inside.example:{port}").code == "forbidden_address"
    assert site.requests == []


def test_a_name_that_leads_elsewhere_the_second_time_is_asked_once(
    first_is_public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    really, asked = socket.getaddrinfo, list[str]()

    def rebinding(host: str, *rest: Any, **named: Any) -> Any:
        if host != "localhost":  # the checked address itself
            return really(host, *rest, **named)
        asked.append(host)
        return really("127.0.0.1" if len(asked) == 1 else "127.0.0.2", *rest, **named)

    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    with receiver(answer(200), certificate=first_is_public) as site:
        port = site.url.rpartition(":")[2].partition("/")[0]
        assert (
            http_client.post(f"https://localhost:{port}/hook", b"", {}, seconds=HANG_SECONDS, max_bytes=10).status
            == 200
        )
        assert asked == ["localhost"]
        assert refusal(f"https://localhost:{port}/hook").code == "forbidden_address"
    assert len(site.requests) == 1
    assert site.requests[0].headers["host"] == f"localhost:{port}"


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_inside_is_only_an_answer(first_is_public: Path, status: int) -> None:
    with receiver(answer(200), host="127.0.0.2", certificate=first_is_public) as inside:  # noqa: SIM117
        with receiver(answer(status, Location=inside.url), certificate=first_is_public) as site:
            assert http_client.post(site.url, b"{}", {}, seconds=HANG_SECONDS, max_bytes=10).status == status
    assert inside.requests == []


@pytest.mark.parametrize(
    "url",
    [
        "https://me:secret@example.com/",
        "https://me@example.com/",
        "http://example.com/",
        "ftp://example.com/",
        "https://",
    ],
)
def test_urls_that_are_none_of_ours_are_refused_before_a_name_is_asked_for(
    url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(socket, "getaddrinfo", None)
    assert refusal(url).code == "bad_url"
    assert url_fault(url, private_allowed=False)


def test_a_certificate_that_nobody_vouches_for_is_refused(
    first_is_public: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    with receiver(answer(200), certificate=first_is_public) as site:
        assert refusal(site.url).code == "tls_failed"
    assert site.requests == []


def test_a_certificate_of_another_host_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others = http_sites.certificate_for(tmp_path, "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(others))
    monkeypatch.setattr(pinned_transport, "is_public", lambda _: True)
    with receiver(answer(200), host="127.0.0.2", certificate=others) as site:
        assert http_client.post(site.url, b"", {}, seconds=HANG_SECONDS, max_bytes=10).status == 200  # it is trusted
    with receiver(answer(200), certificate=others) as site:
        assert refusal(site.url).code == "tls_failed"
    assert site.requests == []


def test_a_handshake_that_never_ends_is_ended(first_is_public: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, pytest.raises(http_client.NoResponse) as caught:
        http_client.post(f"https://127.0.0.1:{listening.getsockname()[1]}/", b"", {}, seconds=0.3, max_bytes=10)
    assert caught.value.code == "timed_out"


def test_a_name_server_that_does_not_answer_holds_nobody_up(monkeypatch: pytest.MonkeyPatch) -> None:
    hangs = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: hangs.wait() and [])
    try:
        assert refusal("https://slow.example/", seconds=0.3).code in ("timed_out", "name_not_found")
    finally:
        hangs.set()


def test_of_a_name_with_thousands_of_addresses_a_few_are_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    tried: list[str] = []

    def refuse(address: tuple[str, int], **_: Any) -> None:
        tried.append(address[0])
        raise ConnectionRefusedError

    addresses = [(0, 0, 0, "", (f"8.8.{number // 256}.{number % 256}", 443)) for number in range(4000)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: addresses)
    monkeypatch.setattr(socket, "create_connection", refuse)
    assert refusal("https://many.example/").code == "connection_failed"
    assert len(tried) == 8


@pytest.mark.usefixtures("cloud")
def test_the_refusal_is_in_the_delivery_log_with_its_cure(monkeypatch: pytest.MonkeyPatch) -> None:
    system = webhook_system(monkeypatch)
    monkeypatch.setenv("ALLOW_PRIVATE_URLS", "false")
    endpoint = system.endpoint("https://[::ffff:169.254.169.254]/latest/meta-data")
    system.publish(system.event())
    system.process_messages()

    (delivery,) = system.deliveries(endpoint)
    (attempt,) = delivery.attempts
    assert (attempt.error, attempt.status, attempt.response) == ("forbidden_address", None, None)
    assert "Register a host that can be reached from everywhere" in (attempt.detail or "")
    assert delivery.status == "pending"


@pytest.mark.parametrize(
    "url",
    [
        "https://127.0.0.1/",
        "https://[::1]/",
        "https://10.1.2.3:8443/hook",
        "http://example.com/",
        "https://me:you@example.com/",
        "https:///hook",
        "https://[",
        "https://example.com:99999/",
        "https://example.com/a b",
        "https://example.com/" + "a" * 2048,
        "javascript:alert(1)",
    ],
)
def test_what_can_be_seen_at_once_is_refused_at_once(url: str) -> None:
    assert url_fault(url, private_allowed=False)


def test_a_good_url_has_no_fault() -> None:
    assert url_fault("https://example.com:8443/hook?x=1", private_allowed=False) is None
    assert url_fault("http://127.0.0.1:9000/hook", private_allowed=True) is None
