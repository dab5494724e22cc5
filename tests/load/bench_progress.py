"""Time from a task's report to each listener, through the local stack: `python -m tests.load.bench_progress [REPORTS]`.

From the database's answer to the write to the arrival of the frame on a WebSocket: stream, function and gateway lie
between. Once with one listener, once with a crowd of which each gets every frame.
"""

import asyncio
import os
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from statistics import quantiles

from websockets.asyncio.client import ClientConnection

from infra.local import Stack, down, up
from mediajobs import clock
from mediajobs.jobs import progress_store
from mediajobs.jobs.progress import TaskProgress, new_progress
from tests.e2e.conftest import Api
from tests.support.live_listeners import hear, listener, say

REPORTS = 200
CROWD = 100  # as many as an account may have open
PAUSE = 0.2  # seconds between two reports; a task reports every 2 s at most
WARM = 5


def main(reports: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        try:
            stack = up(0, Path(name))
            os.environ.update(stack.environment)
            for listeners, number, pause in ((1, reports, PAUSE), (CROWD, max(reports // 10, WARM), 10 * PAUSE)):
                waits = asyncio.run(measure(stack, listeners, number, pause))
                cuts = quantiles(waits, n=100)
                print(f"{listeners} listeners, {number} reports: p50 {cuts[49]:.0f} ms, p99 {cuts[98]:.0f} ms")  # noqa: T201
        finally:
            down(Path(name))


async def measure(stack: Stack, listeners: int, reports: int, pause: float) -> list[float]:
    """Milliseconds, of each arrival."""
    api = Api(stack.api_url, stack.api_key or "")
    job_id = (await asyncio.to_thread(api.create, filename="bench.mp4"))["job_id"]
    progress_store.row_of(job_id, new_progress(["validate_video"], attempt=1, now=clock.now())).save()
    async with AsyncExitStack() as crowd:
        coming = [listener(stack.ws_url or "", api.key) for _ in range(listeners)]
        sockets = await asyncio.gather(*map(crowd.enter_async_context, coming))
        for socket in sockets:
            await say(socket, action="subscribe", job_ids=[job_id])
        await asyncio.gather(*map(hear, sockets))
        waits: list[float] = []
        for number in range(WARM + reports):
            arrivals = [asyncio.create_task(arrival(socket, number + 1)) for socket in sockets]
            await asyncio.sleep(pause)
            written = await asyncio.to_thread(report, job_id, 100 * (number + 1) / (WARM + reports))
            arrived = await asyncio.gather(*arrivals)
            waits += [1000 * (moment - written) for moment in arrived] if number >= WARM else []
        return waits


async def arrival(socket: ClientConnection, sequence: int) -> float:
    while (await hear(socket))["data"]["sequence"] % 10**6 < sequence:
        pass
    return time.perf_counter()


def report(job_id: str, percent: float) -> float:
    """When it was written."""
    progress_store.report(job_id, 1, {"validate_video": TaskProgress(status="running", progress=percent)})
    return time.perf_counter()


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REPORTS)
