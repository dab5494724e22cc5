"""How many processes a function gets, and how long their logs are waited for.

MiniStack starts a process for each request of a crowd, until nothing moves; and it answers each request 5 ms late, in
case that another line of its log comes.
"""

import os
import queue
import time
from collections.abc import Callable
from typing import Any

MOST = max(4, os.cpu_count() or 1)  # processes of one function
PATIENCE = 5.0  # seconds; a function that waits for itself must get another process in the end
LOOK_SECONDS = 0.005
FIRST_LINE_SECONDS = 0.05  # as MiniStack waits for it
LAST_LINE_SECONDS = 0.0003
MOST_LINES = 10_000

Acquire = Callable[..., tuple[Any, str]]


def queueing(acquire: Acquire) -> Acquire:
    """MiniStack's `acquire_worker`, which waits for a free process instead of starting the next one."""

    def wrapped(*function: Any, **more: Any) -> tuple[Any, str]:
        deadline = time.monotonic() + PATIENCE
        while time.monotonic() < deadline:
            worker, how = acquire(*function, **{**more, "max_concurrency": MOST})
            if worker is not None:
                return worker, how
            time.sleep(LOOK_SECONDS)
        return acquire(*function, **more)

    return wrapped


def prompt(worker: Any, first_line_wait: float = FIRST_LINE_SECONDS) -> str:
    """What an invocation has logged, in place of MiniStack's collection: it was written before the answer was.

    A line that is still on its way stands with the next invocation.
    """
    lines: list[str] = []
    wait = first_line_wait
    while len(lines) < MOST_LINES:
        try:
            lines.append(worker._stderr_queue.get(timeout=wait))
        except queue.Empty:
            break
        wait = LAST_LINE_SECONDS
    return "\n".join(lines)
