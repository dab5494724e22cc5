"""Latency through the local stack, by route, beside the paper's targets: `python -m tests.load.bench_latency [N]`.

Every operation of /openapi.json is asked N times, one after the other over one connection, after WARM requests that do
not count; a 404, 409 or 422 is what this bench's request deserves. Times are the client's, from before the request to
the last byte of its answer. The targets are the paper's p50 and p99; ours is a p50 of half of that. The jobs are older
than five minutes, as most are; the first line is of the time before, in which a list counts the new ones itself.
"""

import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from statistics import quantiles
from typing import Any

import requests

from infra.local import down, up
from tests.e2e.conftest import DEMO, Api

REQUESTS = 200
WARM = 10
TARGETS = {  # ms: p50, p99
    "GET /health": (10, 50),
    "GET /health/detailed": (200, 500),
    "GET /jobs": (100, 200),
    "GET /jobs/stats": (200, 500),
    "GET /jobs/{job_id}": (50, 100),
    "POST /jobs/{job_id}/cancel": (100, 200),
    "DELETE /jobs/{job_id}": (500, 1000),
}
# Asked last, since what they set in motion goes on beside the next requests.
_LATE = ("POST", "DELETE", "PATCH")
_PLACES = {"output": "720p", "rendition": "720p", "batch_id": "bench"}
_BODIES: dict[str, Any] = {
    "POST /jobs": {"filename": "bench.mp4", "batch_id": "bench"},
    "POST /jobs/{job_id}/retry": {},
    "POST /jobs/retry": {"filter": {"status": ["failed"]}},
    "PATCH /jobs/{job_id}/priority": {"priority": 7},
    "POST /jobs/batch-status": {"job_ids": 100 * ["01ARZ3NDEKTSV4RRFFQ69G5FAV"]},
    "POST /jobs/{job_id}/upload/complete": {"parts": [{"part_number": 1, "etag": "x"}]},
}
_OWN_JOB = ("POST /jobs/{job_id}/cancel", "DELETE /jobs/{job_id}")  # a job is good for one of these
_SETTLED_SECONDS = 300.0
_NEW_SECONDS = 305.0


@dataclass(frozen=True)
class Latency:
    least: float  # ms
    p50: float
    p99: float
    statuses: str


def main(number: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        try:
            stack = up(0, Path(name))
            api = Api(stack.api_url, stack.api_key or "")
            bench = Bench(api, number)
            bench.prepare()
            print(f"{'':47}least    p50    p99   paper's   answers")  # noqa: T201
            show("GET /jobs", bench.measure("GET /jobs"), ", all of them new")
            time.sleep(_NEW_SECONDS)
            for call in bench.calls():
                show(call, bench.measure(call))
        finally:
            down(Path(name))


def show(call: str, latency: Latency, when: str = "") -> None:
    target = TARGETS.get(call)
    paper = f"{target[0]}/{target[1]}" if target else ""
    missed = "   MISSED" if target and latency.p50 > target[0] / 2 else ""
    times = f"{latency.least:7.1f}{latency.p50:7.1f}{latency.p99:7.1f}"
    print(f"{call + when:45}{times}{paper:>10}   {latency.statuses}{missed}", flush=True)  # noqa: T201


class Bench:
    def __init__(self, api: Api, number: int) -> None:
        self._api = api
        self._number = number + WARM
        self._job_id = ""
        self._spare: list[str] = []
        self._session = requests.Session()
        self._session.headers["X-API-Key"] = api.key

    def prepare(self) -> None:
        """One completed job, and enough that wait; what their creation set in motion is over."""
        self._job_id = self._api.submit(DEMO, batch_id="bench")
        self._api.finish(self._job_id)
        needed = len(_OWN_JOB) * self._number
        self._spare = [self._api.create(filename="bench.mp4", batch_id="bench")["job_id"] for _ in range(needed)]
        deadline = time.monotonic() + _SETTLED_SECONDS
        while self._send("GET", "/jobs/stats").json()["total_jobs"] <= needed:
            if time.monotonic() > deadline:
                raise TimeoutError("the statistics do not come up to date")
            time.sleep(0.5)

    def calls(self) -> list[str]:
        """Every operation that the API says it has."""
        paths = self._send("GET", "/openapi.json").json()["paths"]
        calls = [f"{method.upper()} {path}" for path, methods in paths.items() for method in methods]
        return sorted(
            calls, key=lambda call: (call.startswith(_LATE), call not in _OWN_JOB, call == "POST /jobs", call)
        )

    def measure(self, call: str) -> Latency:
        method, path = call.split(" ", 1)
        body = _BODIES.get(call, {} if method in ("POST", "PATCH") else None)
        seconds, statuses = [], set()
        for number in range(self._number):
            places = _PLACES | {"job_id": self._spare.pop() if call in _OWN_JOB else self._job_id}
            began = time.perf_counter()
            answer = self._send(method, _filled(path, places), body)
            if number >= WARM:
                seconds.append(time.perf_counter() - began)
                statuses.add(str(answer.status_code))
        cuts = quantiles([1000 * each for each in seconds], n=100, method="inclusive")
        return Latency(1000 * min(seconds), cuts[49], cuts[98], ", ".join(sorted(statuses)))

    def _send(self, method: str, path: str, body: Any = None) -> requests.Response:
        return self._session.request(method, self._api.url + path, json=body, timeout=30, allow_redirects=False)


def _filled(path: str, places: dict[str, str]) -> str:
    """With `unknown` for what this bench knows nothing of: then its 404 is measured."""
    return "/".join(places.get(part[1:-1], "unknown") if part.startswith("{") else part for part in path.split("/"))


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REQUESTS)
