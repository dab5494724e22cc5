"""How many processes a function gets: MiniStack starts one for each request of a crowd, until nothing moves."""

import os
import time
from collections.abc import Callable
from typing import Any

MOST = max(4, os.cpu_count() or 1)  # processes of one function
PATIENCE = 5.0  # seconds; a function that waits for itself must get another process in the end
LOOK_SECONDS = 0.005

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
