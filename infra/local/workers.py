"""How many processes a function gets, and how long their logs are waited for.

MiniStack starts a process for each request of a crowd, until nothing moves; and it answers each request 5 ms late, in
case that another line of its log comes.
"""

import os
import time
from collections.abc import Callable
from typing import Any

MOST = max(4, os.cpu_count() or 1)  # processes of one function
PATIENCE = 5.0  # seconds; a function that waits for itself must get another process in the end
LOOK_SECONDS = 0.005
LAST_LINE_SECONDS = 0.0005

Acquire = Callable[..., tuple[Any, str]]
Drain = Callable[..., str]


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


def prompt(drain: Drain) -> Drain:
    """MiniStack's collection of what an invocation has logged: all of that was written before the answer was.

    A line that is still on its way stands with the next invocation.
    """

    def wrapped(worker: Any, **more: Any) -> str:
        return drain(worker, **{"idle_confirm": LAST_LINE_SECONDS, **more})

    return wrapped
