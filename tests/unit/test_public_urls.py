# ruff: noqa: RUF001 - characters that look like others are what is tested
"""How the URLs that users give are read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediajobs.public_urls import MAX_URL_LENGTH, NON_HTTP_PORTS, InvalidUrl, PublicUrl, parse


def fault(url: str, *, private_allowed: bool = False) -> str:
    with pytest.raises(InvalidUrl) as caught:
        parse(url, private_allowed=private_allowed)
    return str(caught.value)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://example.com/film?a=b#c", PublicUrl("https", "example.com", 443, "/film?a=b#c")),
        ("HTTPS://Example.COM:8443", PublicUrl("https", "example.com", 8443, "/")),
        ("https://example.com.:/film", PublicUrl("https", "example.com", 443, "/film")),
        ("https://example.com?a=b", PublicUrl("https", "example.com", 443, "?a=b")),
        ("https://my_host-1.example.com/", PublicUrl("https", "my_host-1.example.com", 443, "/")),
        ("https://[2001:DB8:0:0::1]:444/", PublicUrl("https", "2001:db8::1", 444, "/")),
        ("https://bücher.example/ä", PublicUrl("https", "xn--bcher-kva.example", 443, "/ä")),
        ("https://１２７.0.0.1/", PublicUrl("https", "127.0.0.1", 443, "/")),
        ("https://127。0。0。1/", PublicUrl("https", "127.0.0.1", 443, "/")),
        ("https://ⓛocalhost/", PublicUrl("https", "localhost", 443, "/")),
        ("https://example.com/a@b:c\\d", PublicUrl("https", "example.com", 443, "/a@b:c\\d")),
    ],
)
def test_a_url_has_one_reading(url: str, expected: PublicUrl) -> None:
    assert parse(url, private_allowed=False) == expected
    assert parse(str(expected), private_allowed=False) == expected


@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://example.com/", "scheme"),
        ("ftp://example.com/", "scheme"),
        ("file:///etc/passwd", "scheme"),
        ("javascript:alert(1)", "scheme"),
        ("https:/example.com", "scheme"),
        ("//example.com/", "scheme"),
        ("", "scheme"),
        (" https://example.com/", "scheme"),
        ("https://", "names no host"),
        ("https:///film", "names no host"),
        ("https://:443/", "names no host"),
        ("https://me@example.com/", "user name"),
        ("https://me:you@example.com/", "user name"),
        ("https://@example.com/", "user name"),
        ("https://example.com@127.0.0.1/", "user name"),
        ("https://example.com\\@127.0.0.1/", "malformed"),
        ("https://127.0.0.1\\.example.com/", "malformed"),
        ("https://example.com%2f@127.0.0.1/", "user name"),
        ("https://example%2ecom/", "malformed"),
        ("https://127.0.0.1%00.example.com/", "malformed"),
        ("https://[::1", "malformed"),
        ("https://::1/", "names no host"),
        ("https://[fe80::1%25eth0]/", "malformed"),
        ("https://[::1]x/", "malformed"),
        ("https://[v1.a]/", "malformed"),
        ("https://[1.2.3.4]/", "not a valid address"),
        ("https://example.com:0/", "port"),
        ("https://example.com:65536/", "port"),
        ("https://example.com:４４３/", "malformed"),
        ("https://example.com:-1/", "malformed"),
        ("https://example.com:443:443/", "malformed"),
        ("https://example.com:25/", "service other than HTTP"),
        ("https://example.com:6667/", "service other than HTTP"),
        ("https://exa mple.com/", "not a valid name"),
        ("https://example.com\t/", "control characters"),
        ("https://example.com/\r\nX-A: b", "control characters"),
        ("https://example.com/\ud800", "control characters"),
        ("https://example.com/\u200b", "control characters"),
        ("https://.example.com/", "not a valid name"),
        ("https://example..com/", "not a valid name"),
        ("https://example.com../", "not a valid name"),
        ("https://./", "not a valid name"),
        ("https://*.example.com/", "not a valid name"),
        ("https://a℀b.example/", "not a valid name"),
        ("https://example.com＠127.0.0.1/", "not a valid name"),
        ("https://example.com／x.example/", "not a valid name"),
        (f"https://{'a' * 64}.example/", "not a valid name"),
        (f"https://{'é' * 63}.example/", "not a valid name"),
        (f"https://{'a.' * 127}com/", "not a valid name"),
        ("https://example.com/" + "a" * MAX_URL_LENGTH, "characters"),
    ],
)
def test_what_might_be_read_in_two_ways_is_refused(url: str, reason: str) -> None:
    assert reason in fault(url)


def test_the_local_stack_alone_has_http_and_all_ports() -> None:
    assert parse("http://localhost:25/a", private_allowed=True) == PublicUrl("http", "localhost", 25, "/a")
    assert "scheme" in fault("ftp://localhost/", private_allowed=True)
    assert "user name" in fault("http://me@localhost/", private_allowed=True)


@pytest.mark.parametrize("port", [80, 443, 3000, 8000, 8080, 8443, 9000, 49152])
def test_what_web_servers_use_is_open(port: int) -> None:
    assert port not in NON_HTTP_PORTS
    assert parse(f"https://example.com:{port}/", private_allowed=False).port == port


@given(st.text(max_size=40), st.from_regex(r"[^/?#]{0,20}", fullmatch=True))
def test_a_reason_has_nothing_of_the_url(secret: str, host: str) -> None:
    assert "hunter2" not in fault(f"https://{host}hunter2:0/{secret}hunter2")
