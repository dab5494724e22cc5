"""A small HTTP client of the mediajobs API: time-outs, retries with backoff, and a key that stays with the API."""

import random
import time
import uuid
from collections.abc import Callable, Iterator
from typing import Any, TypeVar
from urllib.parse import quote, urljoin, urlsplit

import requests
from pydantic import ValidationError
from requests.adapters import HTTPAdapter

from infra.cli.api.documents import Created, Job
from infra.cli.errors import CommandError, RefusedError, UnreachableError, notice

CONNECT_SECONDS = 10
READ_SECONDS = 40  # an API gateway gives up after 29
TRIES = 4
EVENTS_SECONDS = 2.0  # between two looks at events that do not say it themselves
BACKOFF = 0.4  # seconds before the second try; doubled with every further one
LONGEST_PAUSE = 60.0
WORTH_A_WORD = 3.0  # seconds; whoever waits longer is told why: more than the longest pause that is not asked for
RETRIED = frozenset({429, 500, 502, 503, 504})
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
# What the API advises, and the command that does it. A test holds them to what the API says.
COMMANDS = {
    'PATCH it with {"enabled": true} first': "Enable it: `mediajobs webhooks update WEBHOOK_ID --enable`",
    "GET /webhooks lists": "`mediajobs webhooks list` lists",
    "DELETE /jobs/{job_id} removes": "`mediajobs delete JOB_ID` removes",
}
T = TypeVar("T")
Body = Callable[[], Any]  # makes the body anew for every try


class Client:
    """One API with one key, or with none for what is open to everybody. Every method raises RefusedError for an error
    answer and UnreachableError, with `cure`, for none."""

    def __init__(self, api_url: str, api_key: str | None = None, ws_url: str | None = None, cure: str = "") -> None:
        self.api_url = api_url.rstrip("/")
        self.ws_url = ws_url
        self._api_key = api_key
        self._cure = cure
        self._session = requests.Session()
        self._session.mount("http://", HTTPAdapter(pool_maxsize=8))
        self._session.mount("https://", HTTPAdapter(pool_maxsize=8))
        self._session.auth = lambda request: request  # else requests sends what ~/.netrc holds for the host
        self._session.trust_env = urlsplit(api_url).hostname not in LOOPBACK  # no proxy for the local stack

    def create_job(self, wish: dict[str, Any]) -> Created:
        """POST /jobs: one job, however often it has to be tried."""
        return _read(Created.model_validate, self.post("/jobs", wish))

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
        return _read(Job.read, _json(self.send("GET", job_path(job_id))))

    def job_unless(self, job_id: str, etag: str | None) -> tuple[Job | None, str | None]:
        """The job and its ETag; None for the job while it is still the one that `etag` names."""
        headers = {"If-None-Match": etag} if etag else {}
        response = self.send("GET", job_path(job_id), headers=headers)
        if response.status_code == 304:
            return None, etag
        return _read(Job.read, _json(response)), response.headers.get("ETag")

    def events(self, job_id: str, last_id: str | None) -> tuple[str | None, float]:
        """The id of the newest event after that one, or None; and the seconds until one asks again."""
        headers = {"Last-Event-ID": last_id} if last_id else {}
        response = self.send("GET", f"/events/{quote(job_id, safe='')}/progress", headers=headers)
        lines = [line.partition(": ") for line in response.text.splitlines()]
        ids = [value for name, _, value in lines if name == "id"]
        waits = [int(value) for name, _, value in lines if name == "retry" and value.isdecimal()]
        return (ids[-1] if ids else None), (waits[-1] / 1000 if waits else EVENTS_SECONDS)

    @property
    def credentials(self) -> dict[str, str]:
        """For the socket that belongs to this API."""
        return {"X-API-Key": self._api_key} if self._api_key else {}

    @property
    def uses_proxies(self) -> bool:
        return bool(self._session.trust_env)

    def text(self, path: str) -> str:
        """What lies behind `path`, redirects followed, as UTF-8."""
        response = self.open(path)
        with response:
            return response.content.decode("utf-8", errors="replace")

    def open(self, path: str) -> requests.Response:
        """A streamed GET. The redirect is followed by hand: the key must not travel to where it leads."""
        address = self.address(path)
        for _ in range(5):
            response = self.send("GET", address, headers={"Accept-Encoding": "identity"}, stream=True)
            if not response.is_redirect:
                return response
            response.close()
            address = urljoin(address, response.headers["Location"])
        raise CommandError(f"{self.address(path)} redirects in circles.")

    def send(
        self, method: str, path: str, *, headers: dict[str, str] | None = None, body: Body | None = None, **how: Any
    ) -> requests.Response:
        """One idempotent request, tried up to four times; an answer of 400 or more raises RefusedError."""
        address = self.address(path)
        headers = self._key_for(address) | (headers or {})
        how = {"timeout": (CONNECT_SECONDS, READ_SECONDS), "allow_redirects": False} | how
        for pause in self._pauses():
            wait, response = pause, self._try(method, address, headers, body, how, last=pause is None)
            if response is not None:
                wait = _pause_after(response, pause)
                if wait is None:
                    return _accepted(response)
                if wait >= WORTH_A_WORD:
                    notice(f"{_refusal(response).message} Waiting, and going on in {wait:.0f} s.")
                response.close()
            time.sleep(wait or 0)
        raise AssertionError("the last try answers or raises")

    def address(self, path: str) -> str:
        """`path` under the API's root, which itself may have a path; an absolute address stays as it is."""
        return path if "://" in path else f"{self.api_url}/{path.lstrip('/')}"

    def post(self, path: str, wish: dict[str, Any]) -> dict[str, Any]:
        headers = {"Idempotency-Key": str(uuid.uuid4())}
        return _json(self.send("POST", path, headers=headers, json=wish))

    def _try(
        self, method: str, address: str, headers: dict[str, str], body: Body | None, how: dict[str, Any], *, last: bool
    ) -> requests.Response | None:
        """The answer, or None where none came and there are tries left."""
        try:
            return self._session.request(method, address, headers=headers, data=body() if body else None, **how)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            if last:
                hints = [self._cure] if self._cure and _place(address) == _place(self.api_url) else []
                raise UnreachableError(
                    f"{_place(address)} cannot be reached: {_reason(error)}.", hints=hints
                ) from error
            return None
        except requests.RequestException as error:
            raise CommandError(f"{_place(address)} cannot be asked: {error}") from error

    def _pauses(self) -> Iterator[float | None]:
        """Seconds to wait after each try, growing, with jitter; None after the last."""
        for number in range(TRIES - 1):
            yield BACKOFF * 2**number * random.uniform(0.75, 1.25)  # noqa: S311 (no secret)
        yield None

    def _key_for(self, address: str) -> dict[str, str]:
        return {"X-API-Key": self._api_key} if self._api_key and _under(address, self.api_url) else {}


def job_path(job_id: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}"


def _under(address: str, root: str) -> bool:
    """The same scheme, host and port, and a path below the root's: S3 of a local stack shares its port."""
    mine, theirs = urlsplit(root), urlsplit(address)
    return (mine.scheme, mine.netloc) == (theirs.scheme, theirs.netloc) and f"{theirs.path}/".startswith(
        f"{mine.path}/"
    )


def _pause_after(response: requests.Response, pause: float | None) -> float | None:
    """Seconds until the next try, as Retry-After asks or else `pause`; None: this answer is the last word."""
    asked = response.headers.get("Retry-After", "")
    in_flight = response.status_code == 409 and asked  # an earlier try of this very request is not answered yet
    if pause is None or not (response.status_code in RETRIED or in_flight):
        return None
    wait = float(asked) if asked.isdecimal() else pause
    return wait if wait <= LONGEST_PAUSE else None


def _accepted(response: requests.Response) -> requests.Response:
    if response.status_code >= 400:
        raise _refusal(response)
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


def _read(reader: Callable[[dict[str, Any]], T], document: dict[str, Any]) -> T:
    try:
        return reader(document)
    except ValidationError as error:
        raise CommandError(f"The API's answer has another shape than expected: {error}") from error


def _refusal(response: requests.Response) -> RefusedError:
    """The problem document as an error; S3 and proxies answer with something else, of which the start is shown."""
    try:
        problem = response.json()
    except ValueError:
        problem = None
    if not isinstance(problem, dict):
        return RefusedError(response.status_code, response.reason or "Error", " ".join(response.text[:300].split()))
    title, detail = problem.get("title") or response.reason, problem.get("detail") or problem.get("message") or ""
    for advice, command in COMMANDS.items():
        detail = str(detail).replace(advice, command)
    told = [f"{_location(error.get('loc'))}: {error.get('msg')}" for error in problem.get("errors") or []]
    hints = [each for each in told if each not in str(detail)]  # the first of them mostly is
    if response.status_code == 401:
        hints.append("Check MEDIAJOBS_API_KEY or --api-key.")
    if (wait := response.headers.get("Retry-After")) and "Try again" not in str(detail):
        hints.append(f"Try again in {wait} s.")
    return RefusedError(response.status_code, str(title), str(detail), hints=hints)


def _location(loc: Any) -> str:
    return ".".join(map(str, loc)) if isinstance(loc, list) else str(loc)


def _place(address: str) -> str:
    return "{0.scheme}://{0.netloc}".format(urlsplit(address))


def _reason(error: Exception) -> str:
    text = str(error).lower()
    for sign, reason in {
        "refused": "the connection is refused",
        "timed out": "no answer in time",
        "resolve": "the name is not known",
        "certificate": "its certificate is not valid",
    }.items():
        if sign in text:
            return reason
    return "the connection broke"
