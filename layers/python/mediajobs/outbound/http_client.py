"""Requests to URLs that strangers chose: https, and to addresses of the public internet alone.

A name is resolved once, and what was checked is what is connected to: nothing can change in between. No proxy connects
in our place, and nothing but the URL decides where a request goes: redirects are the caller's to follow.
"""

from dataclasses import dataclass
from urllib.parse import urlsplit

import requests
import urllib3

from mediajobs.outbound.deadline import Deadline, deadline
from mediajobs.outbound.pinned_transport import CONNECT_SECONDS, CheckedAdapter, ForbiddenAddress, private_allowed

_BODY_SECONDS = 2.0  # an answer's status is what counts; the rest of it is only shown


class InvalidUrl(Exception):
    """Its argument says what is wrong with the URL."""


class NoResponse(Exception):
    """No whole answer came. `code` is a snake_case name, the argument says what to do about it."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code = code
        self.detail = detail


@dataclass(frozen=True)
class HttpResponse:
    """An answer: its status, its Retry-After, and the beginning of its body."""

    status: int
    retry_after: str | None
    body: bytes


def check_url(url: str) -> None:
    """Raises BadUrl."""
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


def post(url: str, body: bytes, headers: dict[str, str], *, seconds: float, most: int) -> HttpResponse:
    """Sends the body and gives the answer with at most the first `most` bytes of what it says, within `seconds`,
    however slowly it comes. Raises Unanswered.
    """
    adapter = CheckedAdapter()
    with deadline(seconds) as watch:
        try:
            check_url(url)
            request = requests.Request("POST", url, data=body, headers=headers).prepare()
            with adapter.send(request, stream=True, timeout=(min(CONNECT_SECONDS, seconds), seconds)) as response:
                return HttpResponse(
                    response.status_code, response.headers.get("Retry-After"), _beginning(response, most, watch)
                )
        except (
            InvalidUrl,
            ForbiddenAddress,
            requests.RequestException,
            urllib3.exceptions.HTTPError,
            OSError,
        ) as error:
            if watch.expired:
                raise NoResponse(
                    "timed_out", f"No answer within {seconds:g} s. Answer first, and work later."
                ) from error
            raise _unanswered(error) from error
        finally:
            adapter.close()


def _beginning(response: requests.Response, most: int, watch: Deadline) -> bytes:
    """The first bytes of the body; of one that comes too slowly, those that came. Raises Unanswered where the receiver
    itself broke off."""
    watch.shorten(_BODY_SECONDS)
    taken = b""
    try:
        while len(taken) < most:
            piece = response.raw.read1(most - len(taken), decode_content=False)
            if not piece:
                break
            taken += piece
    except (urllib3.exceptions.HTTPError, OSError) as error:
        if not watch.expired:
            raise _broken_off() from error
    if not watch.expired and len(taken) < most and response.raw.length_remaining:
        raise _broken_off()
    return taken[:most]


def _timed_out() -> NoResponse:
    return NoResponse("timed_out", "The endpoint did not answer in time. Answer first, and work later.")


def _broken_off() -> NoResponse:
    return NoResponse("broken_off", "The connection ended in the middle of the answer. Answer whole.")


def _unanswered(error: Exception) -> NoResponse:
    """The named error, and its cure."""
    text = str(error)
    if isinstance(error, InvalidUrl | requests.exceptions.InvalidURL):
        return NoResponse("bad_url", f"The URL cannot be used: {text}. Register https://host/path.")
    if isinstance(error, ForbiddenAddress):
        detail = f"{text} is no address of the public internet. Register a host that can be reached from everywhere."
        return NoResponse("forbidden_address", detail)
    if isinstance(error, requests.Timeout):
        return _timed_out()
    if isinstance(error, requests.exceptions.SSLError):
        return NoResponse(
            "tls_failed", "The certificate is not valid for this host. Renew it, or send the whole chain."
        )
    if "NameResolutionError" in text:
        return NoResponse("name_not_found", "The host's name does not resolve. Correct the URL, or the DNS.")
    if "NewConnectionError" in text:
        return NoResponse("connection_failed", "Nobody answers at this host and port. Start the server, open the port.")
    return NoResponse("broken_off", "The connection ended without a whole answer. Answer 2xx with a short body.")
