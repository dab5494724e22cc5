"""Fetches a source over HTTPS from a URL that a stranger chose, and from public addresses alone."""

import time
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from mediajobs.errors import JobError
from mediajobs.outbound import http_client, pinned_transport

_TIMEOUT = (10, 30)  # seconds: to connect, and between two pieces
_MAX_REDIRECTS = 5
_CHUNK = 1 << 20
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "mediajobs"}
# A server that dribbles would hold a machine for days.
_SLOWEST_BYTES = 64 << 10
_SLOWEST_SECONDS = 30.0
_GONE = frozenset({401, 403, 404, 410})
_TASK = "store_source"


def fetch(url: str, write: Callable[[bytes], None], *, max_bytes: int, on_progress: Callable[[float], None]) -> None:
    """Streams the body into `write`, at most `max_bytes` of it. `on_progress` gets percent, 0 while the length is
    unknown. Raises JobError: source_unreachable (retryable where another try may help), source_not_found,
    source_forbidden_address, source_too_large, source_url_scheme.
    """
    adapter = pinned_transport.CheckedAdapter()
    try:
        with _open(adapter, url) as response:
            _copy(response, write, max_bytes, on_progress)
    except http_client.InvalidUrl as error:
        raise _bad_url(str(error)) from error
    except pinned_transport.ForbiddenAddress as error:
        raise _forbidden(str(error)) from error
    except (requests.exceptions.InvalidURL, urllib3.exceptions.LocationValueError) as error:
        raise _bad_url("it is malformed") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _unreachable(url, f"the connection failed ({type(error).__name__})", retryable=True) from error
    finally:
        adapter.close()


def _open(adapter: HTTPAdapter, url: str) -> requests.Response:
    """The answer at the end of the redirects, each checked like the first URL."""
    for _ in range(_MAX_REDIRECTS + 1):
        http_client.check_url(url)
        request = requests.Request("GET", url, headers=_HEADERS).prepare()
        response = adapter.send(request, stream=True, timeout=_TIMEOUT)
        if not response.is_redirect:
            _check_answer(response, url)
            return response
        response.close()
        url = _target(response, url)
    raise _unreachable(url, f"it redirects more than {_MAX_REDIRECTS} times")


def _target(response: requests.Response, url: str) -> str:
    """Where a redirect leads. HTTP's headers are Latin-1, what servers write into this one is UTF-8."""
    location = response.headers["Location"].encode("latin-1").decode(errors="replace")
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise _bad_url("it redirects to a malformed one") from error


def _check_answer(response: requests.Response, url: str) -> None:
    status = response.status_code
    if status == 200 and response.headers.get("Content-Encoding", "identity") == "identity":
        return
    response.close()
    if status == 200:
        raise _unreachable(url, "it sends the file compressed although asked not to")
    if status in _GONE:
        raise JobError(
            "source_not_found",
            f"{_host(url)} answered {status}: the source is not there, or needs a login. "
            f"Give a URL that can be fetched as it is, for instance a presigned one.",
            task=_TASK,
        )
    raise _unreachable(url, f"it answered {status}", retryable=status == 429 or status >= 500)


def _copy(
    response: requests.Response, write: Callable[[bytes], None], max_bytes: int, on_progress: Callable[[float], None]
) -> None:
    url, length, done, pace = response.url, response.raw.length_remaining, 0, _Pace()
    while True:
        _check_size(max(done, length or 0), max_bytes)
        on_progress(100 * done / length if length else 0.0)
        piece = response.raw.read1(_CHUNK, decode_content=False)
        if not piece:
            break
        write(piece)
        done += len(piece)
        if not pace.kept(done):
            raise _unreachable(url, "it sends too slowly", retryable=True)
    if length is not None and done != length:
        raise _unreachable(url, f"it sent {done} bytes of the {length} that it announced", retryable=True)


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise JobError(
            "source_too_large", f"The source is larger than the {max_bytes} bytes that are taken.", task=_TASK
        )


class _Pace:
    """Whether bytes keep coming in."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._done = 0

    def kept(self, done: int) -> bool:
        """False when less than _SLOWEST_BYTES came in the last _SLOWEST_SECONDS."""
        if done - self._done >= _SLOWEST_BYTES:
            self._since, self._done = time.monotonic(), done
        return time.monotonic() - self._since < _SLOWEST_SECONDS


def _bad_url(reason: str) -> JobError:
    return JobError(
        "source_url_scheme",
        f"The source's URL cannot be used: {reason}. Give https://host/path, or s3://bucket/key of an allowed bucket.",
        task=_TASK,
    )


def _forbidden(host: str) -> JobError:
    return JobError(
        "source_forbidden_address",
        f"{host} is no address of the public internet. Sources are fetched from public addresses alone.",
        task=_TASK,
    )


def _unreachable(url: str, reason: str, *, retryable: bool = False) -> JobError:
    return JobError(
        "source_unreachable",
        f"The source could not be fetched from {_host(url)}: {reason}.",
        retryable=retryable,
        task=_TASK,
    )


def _host(url: str) -> str:
    """All of a URL that may be shown: its path and query may be secret."""
    return urlsplit(url).hostname or "the host"
