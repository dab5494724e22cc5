"""Downloads a source over HTTPS from a URL that a user chose, from public addresses only.

A server that answers slowly, or never ends, would occupy a machine for days. So the head has one deadline over all
redirects, and the body a minimum speed; both hold outside the code that reads.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import urljoin

import requests

from mediajobs import public_urls
from mediajobs.errors import JobError
from mediajobs.outbound import http_client
from mediajobs.outbound.deadline import Deadline
from mediajobs.outbound.http_client import NoResponse

HEAD_SECONDS = 30.0
SPEED_SECONDS = 30.0  # in each of these spans _SPEED_BYTES of the body must arrive
_SPEED_BYTES = 64 << 10
_MAX_REDIRECTS = 5
_CHUNK_BYTES = 1 << 20
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "mediajobs"}
_NOT_FOUND_STATUSES = frozenset({401, 403, 404, 410})
_TASK = "store_source"
_CURES = {
    "timed_out": f"Give a URL whose server answers within {HEAD_SECONDS:.0f} s, redirects included, and sends at "
    f"least {_SPEED_BYTES >> 10} KiB in {SPEED_SECONDS:.0f} s.",
    "tls_failed": "Renew the server's certificate, or send the whole chain.",
    "name_not_found": "Correct the URL, or the DNS.",
    "connection_failed": "Start the server, and open the port.",
    "malformed_answer": "Give the URL of an HTTP server that sends the file itself.",
    "broken_off": "Retry the job, or upload the file instead.",
}


def download(
    url: str,
    write: Callable[[bytes], None],
    *,
    max_bytes: int,
    on_progress: Callable[[float], None],
    head_seconds: float = HEAD_SECONDS,
    speed_seconds: float = SPEED_SECONDS,
) -> None:
    """Streams the body into `write`, at most `max_bytes` of it.

    `on_progress` gets percent, 0 where the length is unknown. `head_seconds`: until the answer to the last redirect
    begins; `speed_seconds`: for each 64 KiB of the body. Raises JobError: source_unreachable (retryable where another
    try may help), source_not_found, source_forbidden_address, source_too_large, source_url_scheme.
    """
    with Deadline(head_seconds) as deadline, _opened(url, deadline) as response:
        _copy(response, write, max_bytes, on_progress, deadline, speed_seconds)


@contextmanager
def _opened(url: str, deadline: Deadline) -> Iterator[requests.Response]:
    """The response at the end of the redirects. Each redirect is checked as the first URL is."""
    for _ in range(_MAX_REDIRECTS + 1):
        try:
            with http_client.open_response("GET", url, _HEADERS, deadline) as response:
                if not response.is_redirect:
                    _check_response(response, url)
                    yield response
                    return
                url = _redirect_target(response, url)
        except NoResponse as error:
            raise _job_error(url, error) from error
    raise _unreachable(url, f"it redirects more than {_MAX_REDIRECTS} times. Give the URL that it leads to")


def _redirect_target(response: requests.Response, url: str) -> str:
    """The URL that a redirect leads to. Headers are decoded as Latin-1, but servers write UTF-8 into this one."""
    location = response.headers["Location"].encode("latin-1").decode(errors="replace")
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise NoResponse("bad_url", "it redirects to a malformed one") from error


def _check_response(response: requests.Response, url: str) -> None:
    status = response.status_code
    if status == 200 and response.headers.get("Content-Encoding", "identity") == "identity":
        return
    if status == 200:
        raise _unreachable(
            url, "it sends the file compressed although asked not to. Turn the compression off for this file"
        )
    if status in _NOT_FOUND_STATUSES:
        raise JobError(
            "source_not_found",
            f"{_host_of(url)} answered {status}: the source is not there, or needs a login. "
            f"Give a URL that can be fetched as it is, for instance a presigned one.",
            task=_TASK,
        )
    raise _unreachable(
        url, f"it answered {status}. Give a URL that answers 200", retryable=status == 429 or status >= 500
    )


def _copy(
    response: requests.Response,
    write: Callable[[bytes], None],
    max_bytes: int,
    on_progress: Callable[[float], None],
    deadline: Deadline,
    speed_seconds: float,
) -> None:
    length, received, restarted_at = response.raw.length_remaining, 0, 0
    _check_size(length or 0, max_bytes)
    deadline.restart(speed_seconds)
    while chunk := http_client.read(response, _CHUNK_BYTES, deadline):
        received += len(chunk)
        with deadline.suspended():  # the server is not to blame for the time of what follows
            _check_size(received, max_bytes)
            write(chunk)
            on_progress(100 * received / length if length else 0.0)
        if received - restarted_at >= _SPEED_BYTES:
            restarted_at = received
            deadline.restart(speed_seconds)


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise JobError(
            "source_too_large",
            f"The source is larger than the {max_bytes} bytes that are taken. Give a smaller one.",
            task=_TASK,
        )


def _job_error(url: str, error: NoResponse) -> JobError:
    """The error of the job for a request that failed."""
    if error.code == "bad_url":
        return JobError(
            "source_url_scheme",
            f"The source's URL cannot be used: {error}. "
            "Give https://host/path, or s3://bucket/key of an allowed bucket.",
            task=_TASK,
        )
    if error.code == "forbidden_address":
        return JobError(
            "source_forbidden_address", f"{error}. Sources are fetched from public addresses alone.", task=_TASK
        )
    return _unreachable(url, f"{error}. {_CURES[error.code].removesuffix('.')}", retryable=True)


def _unreachable(url: str, reason: str, *, retryable: bool = False) -> JobError:
    return JobError(
        "source_unreachable",
        f"The source could not be fetched from {_host_of(url)}: {reason}.",
        retryable=retryable,
        task=_TASK,
    )


def _host_of(url: str) -> str:
    """The host of a URL, the only part that may be shown: path and query may be secret."""
    try:
        return public_urls.parse(url, private_allowed=True).host
    except public_urls.InvalidUrl:
        return "the host"
