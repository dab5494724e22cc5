"""HTTP client of the mediajobs API, with time-outs and retries with backoff. It sends the key only to the API."""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import requests
from pydantic import ValidationError
from requests.adapters import HTTPAdapter

from infra.cli.api.documents import CreatedJob, Job
from infra.cli.command_errors import ApiError, CommandError, UnreachableError
from infra.cli.stderr import print_notice

CONNECT_TIMEOUT_SECONDS = 10
READ_TIMEOUT_SECONDS = 40  # API Gateway times out after 29
MAX_ATTEMPTS = 4
MAX_REDIRECTS = 5
EVENTS_POLL_SECONDS = 2.0  # for events that do not say when to ask again
BACKOFF_SECONDS = 0.4  # before the second attempt; doubled for each further one
MAX_RETRY_AFTER_SECONDS = 60.0  # a longer Retry-After ends the attempts
MIN_NOTICE_SECONDS = 3.0  # a wait from this length on is announced; the client's own backoff is always shorter
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})
LOOPBACK_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
# Advice in the API's problem texts, and the command that does the same. A test compares the keys with the API's texts.
COMMANDS_FOR_ADVICE = {
    'PATCH it with {"enabled": true} first': "Enable it: `mediajobs webhooks update WEBHOOK_ID --enable`",
    "GET /webhooks lists": "`mediajobs webhooks list` lists",
    "DELETE /jobs/{job_id} removes": "`mediajobs delete JOB_ID` removes",
}
T = TypeVar("T")
Body = Callable[[], Any]  # returns the body for each attempt


class Client:
    """One API with one key, or without a key for public endpoints.

    Every method raises ApiError for an error response, and UnreachableError, with `unreachable_hint`, for no response.
    """

    def __init__(
        self, api_url: str, api_key: str | None = None, ws_url: str | None = None, unreachable_hint: str = ""
    ) -> None:
        self.api_url = api_url.rstrip("/")
        self.ws_url = ws_url
        self._api_key = api_key
        self._unreachable_hint = unreachable_hint
        self._session = requests.Session()
        self._session.mount("http://", HTTPAdapter(pool_maxsize=8))
        self._session.mount("https://", HTTPAdapter(pool_maxsize=8))
        self._session.auth = lambda request: request  # else requests sends the credentials of ~/.netrc for the host
        self._session.trust_env = urlsplit(api_url).hostname not in LOOPBACK_HOSTS  # no proxy for the local stack

    def create_job(self, request: dict[str, Any]) -> CreatedJob:
        """POST /jobs. Idempotent: retries create one job."""
        return _parse(CreatedJob.model_validate, self.post("/jobs", request))

    def complete_upload(self, complete_url: str, parts: list[dict[str, Any]]) -> None:
        self.post(complete_url, {"parts": parts})

    def cancel(self, job_id: str) -> dict[str, Any]:
        return self.post(f"{job_path(job_id)}/cancel", {})

    def retry(self, job_id: str, *, from_start: bool) -> dict[str, Any]:
        return self.post(f"{job_path(job_id)}/retry", {"from": "start" if from_start else "failed_task"})

    def retry_many(self, filters: dict[str, Any], *, from_start: bool) -> dict[str, Any]:
        return self.post("/jobs/retry", {"filter": filters, "from": "start" if from_start else "failed_task"})

    def set_priority(self, job_id: str, priority: int) -> dict[str, Any]:
        return _json(self.send("PATCH", f"{job_path(job_id)}/priority", json={"priority": priority}))

    def delete(self, job_id: str, *, with_files: bool) -> dict[str, Any]:
        query = {"delete_files": "true" if with_files else "false"}
        return _json(self.send("DELETE", job_path(job_id), params=query))

    def job(self, job_id: str) -> Job:
        return _parse(Job.read, _json(self.send("GET", job_path(job_id))))

    def job_if_changed(self, job_id: str, etag: str | None) -> tuple[Job | None, str | None]:
        """The job and its ETag; None for the job if its ETag still is `etag`."""
        headers = {"If-None-Match": etag} if etag else {}
        response = self.send("GET", job_path(job_id), headers=headers)
        if response.status_code == 304:
            return None, etag
        return _parse(Job.read, _json(response)), response.headers.get("ETag")

    def events(self, job_id: str, last_id: str | None) -> tuple[str | None, float]:
        """The id of the newest event after `last_id`, or None; and the seconds to wait before the next request."""
        headers = {"Last-Event-ID": last_id} if last_id else {}
        response = self.send("GET", f"/events/{quote(job_id, safe='')}/progress", headers=headers)
        lines = [line.partition(": ") for line in response.text.splitlines()]
        ids = [value for name, _, value in lines if name == "id"]
        waits = [int(value) for name, _, value in lines if name == "retry" and value.isdecimal()]
        return (ids[-1] if ids else None), (waits[-1] / 1000 if waits else EVENTS_POLL_SECONDS)

    @property
    def credentials(self) -> dict[str, str]:
        """The headers for the WebSocket of this API."""
        return {"X-API-Key": self._api_key} if self._api_key else {}

    @property
    def uses_proxies(self) -> bool:
        return bool(self._session.trust_env)

    def text(self, path: str) -> str:
        """The body as UTF-8, with redirects followed."""
        response = self.open(path)
        with response:
            return response.content.decode("utf-8", errors="replace")

    def open(self, path: str) -> requests.Response:
        """A streamed GET. It follows redirects itself, because the key must not be sent to their addresses."""
        address = self.address(path)
        for _ in range(MAX_REDIRECTS):
            response = self.send("GET", address, headers={"Accept-Encoding": "identity"}, stream=True)
            if not response.is_redirect:
                return response
            response.close()
            address = urljoin(address, response.headers["Location"])
        raise CommandError(f"{self.address(path)} redirects too often.")

    def send(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, body: Body | None = None, **options: Any
    ) -> requests.Response:
        """Sends an idempotent request, in up to MAX_ATTEMPTS attempts. A status of 400 or more raises ApiError."""
        address = self.address(path)
        headers = self._auth_headers(address) | (headers or {})
        options = {"timeout": (CONNECT_TIMEOUT_SECONDS, READ_TIMEOUT_SECONDS), "allow_redirects": False} | options
        for backoff in self._backoff_delays():
            delay, response = backoff, self._attempt(method, address, headers, body, options, last=backoff is None)
            if response is not None:
                delay = _retry_delay(response, backoff)
                if delay is None:
                    return _raise_for_status(response)
                if delay >= MIN_NOTICE_SECONDS:
                    print_notice(f"{_api_error(response).message} Waiting, and going on in {delay:.0f} s.")
                response.close()
            time.sleep(delay or 0)
        raise AssertionError("the last attempt returns or raises")

    def address(self, path: str) -> str:
        """`path` under the API's root, which itself may have a path; an absolute address stays as it is."""
        return path if "://" in path else f"{self.api_url}/{path.lstrip('/')}"

    def post(self, path: str, document: dict[str, Any]) -> dict[str, Any]:
        """Sends an Idempotency-Key, so that retries have no further effect."""
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return _json(self.send("POST", path, headers=headers, json=document))

    def _attempt(
        self,
        method: str,
        address: str,
        headers: dict[str, str],
        body: Body | None,
        options: dict[str, Any],
        *,
        last: bool,
    ) -> requests.Response | None:
        """The response, or None if there was none and this was not the last attempt."""
        try:
            return self._session.request(method, address, headers=headers, data=body() if body else None, **options)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            if last:
                is_api = _origin(address) == _origin(self.api_url)
                hints = [self._unreachable_hint] if self._unreachable_hint and is_api else []
                raise UnreachableError(
                    f"{_origin(address)} cannot be reached: {_reason(error)}.", hints=hints
                ) from error
            return None
        except requests.RequestException as error:
            raise CommandError(f"The request to {_origin(address)} failed: {error}") from error

    def _backoff_delays(self) -> Iterator[float | None]:
        """Yields the seconds to wait after each attempt, exponential with jitter; None after the last."""
        for number in range(MAX_ATTEMPTS - 1):
            yield BACKOFF_SECONDS * 2**number * random.uniform(0.75, 1.25)  # noqa: S311 (no secret)
        yield None

    def _auth_headers(self, address: str) -> dict[str, str]:
        return {"X-API-Key": self._api_key} if self._api_key and _is_below(address, self.api_url) else {}


def job_path(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"


def _is_below(address: str, root: str) -> bool:
    """Whether scheme, host and port are the same and the path is below the root's.

    The path matters because S3 of a local stack has the same port as the API.
    """
    is_below = f"{urlsplit(address).path}/".startswith(f"{urlsplit(root).path}/")
    return _origin(address) == _origin(root) and is_below


def _retry_delay(response: requests.Response, backoff: float | None) -> float | None:
    """Seconds until the next attempt: Retry-After, or else `backoff`. None if this response is final."""
    retry_after = response.headers.get("Retry-After", "")
    in_progress = response.status_code == 409 and retry_after  # an earlier attempt of the same request still runs
    if backoff is None or not (response.status_code in RETRIED_STATUSES or in_progress):
        return None
    delay = float(retry_after) if retry_after.isdecimal() else backoff
    return delay if delay <= MAX_RETRY_AFTER_SECONDS else None


def _raise_for_status(response: requests.Response) -> requests.Response:
    if response.status_code >= 400:
        raise _api_error(response)
    return response


def _json(response: requests.Response) -> dict[str, Any]:
    try:
        document = response.json()
    except ValueError:
        document = None
    if not isinstance(document, dict):
        url = response.url.partition("?")[0]
        raise CommandError(f"{url} did not answer with a JSON document. Is it a mediajobs API?")
    return document


def _parse(parser: Callable[[dict[str, Any]], T], document: dict[str, Any]) -> T:
    try:
        return parser(document)
    except ValidationError as error:
        raise CommandError(f"The API's answer has another shape than expected: {error}") from error


def _api_error(response: requests.Response) -> ApiError:
    """The problem document as an error. Of another body, as S3 and proxies send it, the start is used."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        return ApiError(response.status_code, response.reason or "Error", " ".join(response.text[:300].split()))
    title, detail = problem.get("title") or response.reason, problem.get("detail") or problem.get("message") or ""
    for advice, command in COMMANDS_FOR_ADVICE.items():
        detail = str(detail).replace(advice, command)
    field_errors = [f"{_location(error.get('loc'))}: {error.get('msg')}" for error in problem.get("errors") or []]
    hints = [line for line in field_errors if line not in str(detail)]  # the first one usually is part of the detail
    if response.status_code == 401:
        hints.append("Check MEDIAJOBS_API_KEY or --api-key.")
    if (wait := response.headers.get("Retry-After")) and "Try again" not in str(detail):
        hints.append(f"Try again in {wait} s.")
    return ApiError(response.status_code, str(title), str(detail), hints=hints)


def _location(loc: Any) -> str:
    return ".".join(map(str, loc)) if isinstance(loc, list) else str(loc)


def _origin(address: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(address))


def _reason(error: Exception) -> str:
    text = str(error).lower()
    for words, reason in {
        "refused": "the connection is refused",
        "timed out": "no answer in time",
        "resolve": "the name is not known",
        "certificate": "its certificate is not valid",
    }.items():
        if words in text:
            return reason
    return "the connection broke"
