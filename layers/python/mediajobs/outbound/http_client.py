"""HTTP requests to URLs that users chose: to public addresses only, over https, and within a deadline.

A name is resolved once, and the connection goes to the address that was checked, so that the name cannot change in
between. Proxies are not used, and redirects are not followed here: a caller that follows one checks its URL as well.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
import urllib3

from mediajobs.outbound.deadline import Deadline
from mediajobs.outbound.pinned_transport import CONNECT_SECONDS, CheckedAdapter, ForbiddenAddress, private_allowed

_BODY_SECONDS = 2.0  # short, because the status is what counts; the body is only shown
_REQUEST_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


class InvalidUrl(Exception):
    """The URL cannot be used. The argument says why."""


class NoResponse(Exception):
    """No complete response came. `code` is a snake_case name, `detail` says what to do about it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class HttpResponse:
    """A response: its status, its Retry-After header, and the first bytes of its body."""

    status: int
    retry_after: str | None
    body: bytes


def check_url(url: str) -> None:
    """Raises InvalidUrl unless the URL has the right scheme, a host, and no credentials."""
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except ValueError as error:
        raise InvalidUrl("it is malformed") from error
    if parts.scheme != "https" and not (parts.scheme == "http" and private_allowed()):
        raise InvalidUrl(f"its scheme is {parts.scheme or 'missing'!r}")
    if not host:
        raise InvalidUrl("it names no host")
    if parts.username is not None or parts.password is not None:
        raise InvalidUrl("it carries a user name or password")


def post(url: str, body: bytes, headers: dict[str, str], *, seconds: float, max_bytes: int) -> HttpResponse:
    """Posts the body and returns the response, with at most `max_bytes` of its body.

    The request takes at most `seconds`, however slowly the response arrives. Raises NoResponse.
    """
    with Deadline(seconds) as deadline:
        try:
            return _post(url, body, headers, deadline, max_bytes)
        except (InvalidUrl, ForbiddenAddress, *_REQUEST_ERRORS) as error:
            if deadline.expired:
                detail = f"No answer within {seconds:g} s. Answer first, and work later."
                raise NoResponse("timed_out", detail) from error
            raise _no_response(error) from error


def _post(url: str, body: bytes, headers: dict[str, str], deadline: Deadline, max_bytes: int) -> HttpResponse:
    check_url(url)
    request = requests.Request("POST", url, data=body, headers=headers).prepare()
    timeouts = min(CONNECT_SECONDS, deadline.seconds), deadline.seconds
    adapter = CheckedAdapter()
    try:
        with adapter.send(request, stream=True, timeout=timeouts) as response:
            first_bytes = _read_body(response, max_bytes, deadline)
            return HttpResponse(response.status_code, response.headers.get("Retry-After"), first_bytes)
    finally:
        adapter.close()


def _read_body(response: requests.Response, max_bytes: int, deadline: Deadline) -> bytes:
    """Returns the first bytes of the body; if it arrives too slowly, those that arrived.

    Raises NoResponse if the receiver ended the connection within the body.
    """
    deadline.shorten(_BODY_SECONDS)
    body = b""
    try:
        while len(body) < max_bytes:
            chunk = response.raw.read1(max_bytes - len(body), decode_content=False)
            if not chunk:
                break
            body += chunk
    except (urllib3.exceptions.HTTPError, OSError) as error:
        if not deadline.expired:
            raise _broken_off() from error
    if not deadline.expired and len(body) < max_bytes and response.raw.length_remaining:
        raise _broken_off()
    return body[:max_bytes]


def _broken_off() -> NoResponse:
    return NoResponse("broken_off", "The connection ended in the middle of the answer. Answer whole.")


def _no_response(error: Exception) -> NoResponse:
    """Returns the error code and the advice for a request that failed before its deadline."""
    text = str(error)
    if isinstance(error, InvalidUrl | requests.exceptions.InvalidURL):
        return NoResponse("bad_url", f"The URL cannot be used: {text}. Register https://host/path.")
    if isinstance(error, ForbiddenAddress):
        detail = f"{text} is no address of the public internet. Register a host that can be reached from everywhere."
        return NoResponse("forbidden_address", detail)
    if isinstance(error, requests.Timeout):
        return NoResponse("timed_out", "The endpoint did not answer in time. Answer first, and work later.")
    if isinstance(error, requests.exceptions.SSLError):
        return NoResponse(
            "tls_failed", "The certificate is not valid for this host. Renew it, or send the whole chain."
        )
    if "NameResolutionError" in text:
        return NoResponse("name_not_found", "The host's name does not resolve. Correct the URL, or the DNS.")
    if "NewConnectionError" in text:
        return NoResponse("connection_failed", "Nobody answers at this host and port. Start the server, open the port.")
    return NoResponse("broken_off", "The connection ended without a whole answer. Answer 2xx with a short body.")
