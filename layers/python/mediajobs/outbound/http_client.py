"""HTTP requests to URLs that users chose: to public addresses only, over https, and within a deadline.

A name is resolved once, and the connection goes to the address that was checked, so that the name cannot change in
between. Proxies, `.netrc` and cookies are not used, a body is never decompressed, and redirects are not followed here:
a caller that follows one opens its URL as the first one, and within the same deadline.
"""

import http.client
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import requests
import urllib3

from mediajobs import public_urls
from mediajobs.outbound.deadline import Deadline
from mediajobs.outbound.pinned_transport import CONNECT_SECONDS, CheckedAdapter, ForbiddenAddress, private_allowed
from mediajobs.public_urls import InvalidUrl

_BODY_SECONDS = 2.0  # short, because the status is what counts; the body is only shown
_READ_SECONDS = 60.0  # a backstop for each read: the deadline ends before
_REQUEST_ERRORS = (requests.RequestException, urllib3.exceptions.HTTPError, OSError)


class NoResponse(Exception):
    """No complete response came. `code` is a snake_case name; the message is a clause that says why, and has nothing of
    the URL but its host."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


@dataclass(frozen=True)
class HttpResponse:
    """A response: its status, its Retry-After header, and the first bytes of its body."""

    status: int
    retry_after: str | None
    body: bytes


def post(url: str, body: bytes, headers: Mapping[str, str], *, seconds: float, max_bytes: int) -> HttpResponse:
    """Posts the body and returns the response, with at most `max_bytes` of its body.

    The request takes at most `seconds`, however slowly the response arrives. Raises NoResponse.
    """
    with Deadline(seconds) as deadline, open_response("POST", url, headers, deadline, body) as response:
        first_bytes = _read_beginning(response, max_bytes, deadline)
        return HttpResponse(response.status_code, response.headers.get("Retry-After"), first_bytes)


@contextmanager
def open_response(
    method: str, url: str, headers: Mapping[str, str], deadline: Deadline, body: bytes | None = None
) -> Iterator[requests.Response]:
    """Sends a request, and yields the response when its head is there. Its body is for `read`. Raises NoResponse."""
    adapter = CheckedAdapter()
    try:
        with _send(adapter, _prepared(method, url, headers, body), deadline) as response:
            yield response
    finally:
        adapter.close()


def read(response: requests.Response, max_bytes: int, deadline: Deadline) -> bytes:
    """Returns the next bytes of the body as they were sent, not decompressed; none at its end. Raises NoResponse."""
    try:
        chunk: bytes = response.raw.read1(max_bytes, decode_content=False)
    except _REQUEST_ERRORS as error:
        raise _interrupted(deadline) from error
    if not chunk and (deadline.expired or response.raw.length_remaining):
        raise _interrupted(deadline)
    return chunk


def _prepared(method: str, url: str, headers: Mapping[str, str], body: bytes | None) -> requests.PreparedRequest:
    """The request for a URL as `public_urls` reads it."""
    try:
        target = public_urls.parse(url, private_allowed=private_allowed())
        return requests.Request(method, str(target), data=body, headers=headers).prepare()
    except (InvalidUrl, requests.exceptions.InvalidURL, UnicodeError) as error:
        raise NoResponse("bad_url", str(error) if isinstance(error, InvalidUrl) else "it is malformed") from None


def _send(adapter: CheckedAdapter, request: requests.PreparedRequest, deadline: Deadline) -> requests.Response:
    """Sends a request. The errors have no cause: the libraries' messages have the path and query of the URL, which may
    be secret, and a traceback in a log would show them."""
    timeouts = min(CONNECT_SECONDS, deadline.remaining_seconds), _READ_SECONDS
    try:
        return adapter.send(request, stream=True, timeout=timeouts)
    except ForbiddenAddress as error:
        raise NoResponse("forbidden_address", f"{error} is no address of the public internet") from None
    except _REQUEST_ERRORS as error:
        raise _timed_out() if deadline.expired else _no_response(error) from None


def _read_beginning(response: requests.Response, max_bytes: int, deadline: Deadline) -> bytes:
    """Returns the first bytes of the body; if it arrives too slowly, those that arrived.

    Raises NoResponse if the receiver ended the connection within the body.
    """
    deadline.shorten(_BODY_SECONDS)
    body = b""
    while len(body) < max_bytes:
        try:
            chunk = read(response, max_bytes - len(body), deadline)
        except NoResponse:
            if not deadline.expired:
                raise
            break
        if not chunk:
            break
        body += chunk
    return body[:max_bytes]


def _interrupted(deadline: Deadline) -> NoResponse:
    if deadline.expired:
        return NoResponse("timed_out", "it sends too slowly")
    return NoResponse("broken_off", "the connection ended in the middle of the answer")


def _timed_out() -> NoResponse:
    return NoResponse("timed_out", "no answer came in time")


def _no_response(error: Exception) -> NoResponse:
    """Returns the error of a request that failed before its deadline."""
    text = str(error)
    if isinstance(error, requests.Timeout):
        return _timed_out()
    if isinstance(error, requests.exceptions.SSLError):
        return NoResponse("tls_failed", "the certificate is not valid for this host")
    if "NameResolutionError" in text:
        return NoResponse("name_not_found", "the host's name does not resolve")
    if "NewConnectionError" in text:
        return NoResponse("connection_failed", "nobody answers at this host and port")
    if _is_malformed(error):
        return NoResponse("malformed_answer", "what it sends is not HTTP/1.1, or has a head of more than 64 KiB")
    return NoResponse("broken_off", "the connection ended without a whole answer")


def _is_malformed(error: BaseException | None) -> bool:
    """Whether the error came of the parser of answers, not of the connection. Libraries wrap errors in arguments."""
    while error is not None:
        if isinstance(error, http.client.HTTPException | urllib3.exceptions.InvalidHeader):
            return not isinstance(error, http.client.RemoteDisconnected | http.client.IncompleteRead)
        inner = error.args[-1] if error.args else None
        error = inner if isinstance(inner, BaseException) else error.__cause__
    return False
