"""Downloads a source over HTTPS from a URL that a user chose, from public addresses only."""

import time
from collections.abc import Callable
from urllib.parse import urljoin, urlsplit

import requests
import urllib3
from requests.adapters import HTTPAdapter

from mediajobs.errors import JobError
from mediajobs.outbound import http_client, pinned_transport

_TIMEOUT = (10, 30)  # seconds: to connect, and between two chunks
_MAX_REDIRECTS = 5
_CHUNK_BYTES = 1 << 20
_HEADERS = {"Accept": "*/*", "Accept-Encoding": "identity", "User-Agent": "mediajobs"}
# A minimum speed: a server that sends too slowly would occupy a machine for days.
_MIN_BYTES = 64 << 10
_MIN_BYTES_SECONDS = 30.0
_NOT_FOUND_STATUSES = frozenset({401, 403, 404, 410})
_TASK = "store_source"


def download(url: str, write: Callable[[bytes], None], *, max_bytes: int, on_progress: Callable[[float], None]) -> None:
    """Streams the body into `write`, at most `max_bytes` of it.

    `on_progress` gets percent, 0 where the length is unknown. Raises JobError: source_unreachable (retryable where
    another try may help), source_not_found, source_forbidden_address, source_too_large, source_url_scheme.
    """
    adapter = pinned_transport.CheckedAdapter()
    try:
        with _open(adapter, url) as response:
            _copy(response, write, max_bytes, on_progress)
    except http_client.InvalidUrl as error:
        raise _invalid_url(str(error)) from error
    except pinned_transport.ForbiddenAddress as error:
        raise _forbidden_address(str(error)) from error
    except (requests.exceptions.InvalidURL, urllib3.exceptions.LocationValueError) as error:
        raise _invalid_url("it is malformed") from error
    except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
        raise _unreachable(url, f"the connection failed ({type(error).__name__})", retryable=True) from error
    finally:
        adapter.close()


def _open(adapter: HTTPAdapter, url: str) -> requests.Response:
    """The response at the end of the redirects. Each redirect is checked as the first URL is."""
    for _ in range(_MAX_REDIRECTS + 1):
        http_client.check_url(url)
        request = requests.Request("GET", url, headers=_HEADERS).prepare()
        response = adapter.send(request, stream=True, timeout=_TIMEOUT)
        if not response.is_redirect:
            _check_response(response, url)
            return response
        response.close()
        url = _redirect_target(response, url)
    raise _unreachable(url, f"it redirects more than {_MAX_REDIRECTS} times")


def _redirect_target(response: requests.Response, url: str) -> str:
    """The URL that a redirect leads to. Headers are decoded as Latin-1, but servers write UTF-8 into this one."""
    location = response.headers["Location"].encode("latin-1").decode(errors="replace")
    try:
        return urljoin(url, location)
    except ValueError as error:
        raise _invalid_url("it redirects to a malformed one") from error


def _check_response(response: requests.Response, url: str) -> None:
    status = response.status_code
    if status == 200 and response.headers.get("Content-Encoding", "identity") == "identity":
        return
    response.close()
    if status == 200:
        raise _unreachable(url, "it sends the file compressed although asked not to")
    if status in _NOT_FOUND_STATUSES:
        raise JobError(
            "source_not_found",
            f"{_host_of(url)} answered {status}: the source is not there, or needs a login. "
            f"Give a URL that can be fetched as it is, for instance a presigned one.",
            task=_TASK,
        )
    raise _unreachable(url, f"it answered {status}", retryable=status == 429 or status >= 500)


def _copy(
    response: requests.Response, write: Callable[[bytes], None], max_bytes: int, on_progress: Callable[[float], None]
) -> None:
    url, length, received, speed = response.url, response.raw.length_remaining, 0, _SpeedCheck()
    while True:
        _check_size(max(received, length or 0), max_bytes)
        on_progress(100 * received / length if length else 0.0)
        chunk = response.raw.read1(_CHUNK_BYTES, decode_content=False)
        if not chunk:
            break
        write(chunk)
        received += len(chunk)
        if not speed.is_kept(received):
            raise _unreachable(url, "it sends too slowly", retryable=True)
    if length is not None and received != length:
        raise _unreachable(url, f"it sent {received} bytes of the {length} that it announced", retryable=True)


def _check_size(size: int, max_bytes: int) -> None:
    if size > max_bytes:
        raise JobError(
            "source_too_large", f"The source is larger than the {max_bytes} bytes that are taken.", task=_TASK
        )


class _SpeedCheck:
    """Checks that a download keeps a minimum speed."""

    def __init__(self) -> None:
        self._since = time.monotonic()
        self._received = 0

    def is_kept(self, received: int) -> bool:
        """False where fewer than _MIN_BYTES came in the last _MIN_BYTES_SECONDS."""
        if received - self._received >= _MIN_BYTES:
            self._since, self._received = time.monotonic(), received
        return time.monotonic() - self._since < _MIN_BYTES_SECONDS


def _invalid_url(reason: str) -> JobError:
    return JobError(
        "source_url_scheme",
        f"The source's URL cannot be used: {reason}. Give https://host/path, or s3://bucket/key of an allowed bucket.",
        task=_TASK,
    )


def _forbidden_address(host: str) -> JobError:
    return JobError(
        "source_forbidden_address",
        f"{host} is no address of the public internet. Sources are fetched from public addresses alone.",
        task=_TASK,
    )


def _unreachable(url: str, reason: str, *, retryable: bool = False) -> JobError:
    return JobError(
        "source_unreachable",
        f"The source could not be fetched from {_host_of(url)}: {reason}.",
        retryable=retryable,
        task=_TASK,
    )


def _host_of(url: str) -> str:
    """The host of a URL, the only part that may be shown: path and query may be secret."""
    return urlsplit(url).hostname or "the host"
