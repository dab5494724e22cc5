"""Limits the processes of a function, and shortens the wait for their logs.

Without these patches MiniStack starts a process for each concurrent request until the machine stalls, and delays each
response by 5 ms in case that another log line arrives.
"""

import os
import queue
import time
from collections.abc import Callable
from typing import Any

MAX_WORKERS = max(4, os.cpu_count() or 1)  # processes of one function
WAIT_TIMEOUT_SECONDS = 5.0  # a function that waits for itself must get another process after that time
POLL_SECONDS = 0.005
FIRST_LINE_TIMEOUT_SECONDS = 0.05  # as in MiniStack
NEXT_LINE_TIMEOUT_SECONDS = 0.0003
MAX_LOG_LINES = 10_000

Acquire = Callable[..., tuple[Any, str]]


def wait_for_free_worker(acquire: Acquire) -> Acquire:
    """Wraps MiniStack's `acquire_worker`: it waits for a free process instead of starting another one."""

    def wrapped(*function: Any, **options: Any) -> tuple[Any, str]:
        deadline = time.monotonic() + WAIT_TIMEOUT_SECONDS
        while time.monotonic() < deadline:
            worker, reason = acquire(*function, **{**options, "max_concurrency": MAX_WORKERS})
            if worker is not None:
                return worker, reason
            time.sleep(POLL_SECONDS)
        return acquire(*function, **options)

    return wrapped


def read_log_lines(worker: Any, first_line_wait: float = FIRST_LINE_TIMEOUT_SECONDS) -> str:
    """The lines that an invocation has logged; replaces MiniStack's method. They were written before the response.

    A line that arrives later is returned with the next invocation.
    """
    lines: list[str] = []
    timeout = first_line_wait
    while len(lines) < MAX_LOG_LINES:
        try:
            lines.append(worker._stderr_queue.get(timeout=timeout))
        except queue.Empty:
            break
        timeout = NEXT_LINE_TIMEOUT_SECONDS
    return "\n".join(lines)
