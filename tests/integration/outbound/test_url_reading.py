# ruff: noqa: RUF001 - characters that look like others are what is tested
"""What is checked is what is connected to, and nothing of the machine goes along."""

import socket
import urllib.parse
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from mediajobs import public_urls
from mediajobs.outbound import http_client, pinned_transport
from mediajobs.webhooks.endpoints import url_fault
from statemachine.tasks import source_download
from tests.support import http_sites
from tests.support.hostile_servers import redirects, says, with_length
from tests.support.waiting import HANG_SECONDS
from tests.support.webhook_receivers import answer, receiver

PIECES = [
    *("https://", "HTTPS://", "http://", "//", "/", "\\", "@", ":", "#", "?", "%", "%2f", "%40", "%2e", "[", "]"),
    *("example.com", "inside.example", "127.0.0.1", "0x7f.1", "::1", "[::1]", "[::ffff:127.0.0.1]", "me", "443"),
    *("8443", "25", ".", "..", "０", "。", "＠", "／", "℀", "ß", "xn--a", "\t", "\n", " ", "\x00", "\u200d", "*", ";"),
    *("&", "a" * 70),
]
INSIDE = ["127.0.0.2.", "１２７.0.0.2", "127。0。0。2", "2130706434", "0x7f000002", "127.2", "0177.0.0.2"]
URLS = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=8).map("".join),
    st.lists(st.sampled_from(PIECES), max_size=6).map(lambda pieces: "https://" + "".join(pieces)),
    st.text(max_size=20).map(lambda text: f"https://{text}/"),
    st.builds("https://{}{}/{}".format, st.sampled_from(PIECES), st.sampled_from(PIECES), st.text(max_size=10)),
)


@dataclass
class Resolver:
    """Resolves nothing, and remembers what was to be connected to."""

    asked: list[tuple[str, int]] = field(default_factory=list)

    def __call__(self, host: str, port: int, *_: Any, **__: Any) -> Any:
        self.asked.append((host, port))
        raise socket.gaierror("not in this test")


@pytest.fixture
def resolver() -> Iterator[Resolver]:
    with pytest.MonkeyPatch.context() as patch:
        resolver = Resolver()
        patch.setattr(socket, "getaddrinfo", resolver)
        patch.setattr(socket, "create_connection", None)
        yield resolver


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(URLS)
def test_the_client_connects_to_what_the_checker_read(resolver: Resolver, url: str) -> None:
    resolver.asked.clear()
    with pytest.raises(http_client.NoResponse) as caught:
        http_client.post(url, b"", {}, seconds=HANG_SECONDS, max_bytes=1)
    try:
        target = public_urls.parse(url, private_allowed=False)
    except public_urls.InvalidUrl:
        assert (caught.value.code, resolver.asked) == ("bad_url", [])
        return
    assert resolver.asked == [(target.host, target.port)]
    # Parsers of others find the same host in what the client was given.
    parts = urllib.parse.urlsplit(str(target))
    assert (parts.scheme, parts.hostname, parts.port or 443) == (target.scheme, target.host, target.port)
    assert parts.username is None


@settings(max_examples=400, deadline=None)
@given(URLS)
def test_an_endpoint_that_can_be_registered_can_be_sent_to(url: str) -> None:
    if url_fault(url, private_allowed=False) is None:
        public_urls.parse(url, private_allowed=False)


@pytest.fixture
def trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A trusted certificate. Of the loopback, 127.0.0.1 alone counts as public."""
    certificate = http_sites.certificate_for(tmp_path, "127.0.0.1", "127.0.0.2")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setattr(pinned_transport, "is_public", lambda address: address == "127.0.0.1")
    return certificate


@pytest.mark.parametrize("host", [*INSIDE, "[::ffff:127.0.0.2]"])
def test_no_spelling_of_an_inside_address_is_connected_to(trusted: Path, host: str) -> None:
    with receiver(answer(200), host="127.0.0.2", certificate=trusted) as inside:
        port = inside.url.rpartition(":")[2].partition("/")[0]
        with pytest.raises(http_client.NoResponse) as caught:
            http_client.post(f"https://{host}:{port}/", b"", {}, seconds=HANG_SECONDS, max_bytes=1)
    assert caught.value.code in ("forbidden_address", "name_not_found")
    assert inside.requests == []


def test_a_name_with_a_final_dot_is_the_name_without_it(trusted: Path) -> None:
    with receiver(answer(200), certificate=trusted) as site:
        port = site.url.rpartition(":")[2].partition("/")[0]
        http_client.post(f"https://LOCALHOST.:{port}/", b"", {}, seconds=HANG_SECONDS, max_bytes=1)
    assert site.requests[0].headers["host"] == f"localhost:{port}"


def test_nothing_of_the_machine_goes_along(trusted: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No proxy, no password of a .netrc, no cookie, no Referer: not in a first request, and not after a redirect."""
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login me password hunter2\nmachine localhost login me password hunter2\n")
    monkeypatch.setenv("NETRC", str(netrc))
    cookie = b"HTTP/1.1 302 Found\r\nSet-Cookie: a=b; Path=/\r\nLocation: /film\r\nContent-Length: 0\r\n\r\n"
    with receiver(answer(500)) as proxy, receiver(says(cookie), says(with_length("4", b"film"))) as plain:
        for variable in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
            monkeypatch.setenv(variable, proxy.url)
        monkeypatch.delenv("no_proxy", raising=False)
        monkeypatch.setenv("ALLOW_PRIVATE_URLS", "true")
        source_download.download(plain.url, lambda _: None, max_bytes=10, on_progress=lambda _: None)
        http_client.post(plain.url, b"", {}, seconds=HANG_SECONDS, max_bytes=1)
    assert (proxy.requests, len(plain.requests)) == ([], 3)
    for request in plain.requests:
        assert not {"authorization", "proxy-authorization", "cookie", "referer"} & request.headers.keys()


def test_a_redirect_to_another_host_takes_nothing_along(trusted: Path) -> None:
    with ExitStack() as sites:
        other = sites.enter_context(receiver(says(with_length("4", b"film")), certificate=trusted))
        first = sites.enter_context(receiver(says(redirects(other.url)), certificate=trusted))
        source_download.download(f"{first.url}?token=hunter2", lambda _: None, max_bytes=10, on_progress=lambda _: None)
    assert "hunter2" not in str(other.requests)
