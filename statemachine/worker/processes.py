"""Finds and kills processes by a variable in their environment, which survives crashes, reused ids and re-parenting."""

import os
import signal
import time
from collections.abc import Iterable
from contextlib import suppress

import psutil

POLL_SECONDS = 0.02


def marked(name: str, value: str) -> list[psutil.Process]:
    """The processes that were started with NAME=VALUE in their environment, without this one."""
    processes = psutil.process_iter(["environ"])  # None for zombies and for processes of other users
    found = [process for process in processes if (process.info["environ"] or {}).get(name) == value]
    return [process for process in found if not _is_own(process)]


def kill_marked(name: str, value: str, timeout: float = 5.0) -> list[int]:
    """Kills the marked processes and their descendants, also those that start meanwhile. Returns the ids found.

    A descendant may have dropped the variable: ffmpeg gets a clean environment.
    """
    found: set[int] = set()
    deadline = time.monotonic() + timeout
    while (processes := _with_descendants(marked(name, value))) and time.monotonic() < deadline:
        found.update(process.pid for process in processes)
        _kill(processes)
        time.sleep(POLL_SECONDS)
    return sorted(found)


def kill_descendants(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        _kill(psutil.Process(pid).children(recursive=True))


def kill_group(leader: int, signal_number: int = signal.SIGKILL) -> None:
    try:
        os.killpg(leader, signal_number)
    except (ProcessLookupError, PermissionError):  # gone; macOS answers EPERM for a group of zombies
        return


def started_at(pid: int) -> str | None:
    """When the process started, in seconds after the boot; None where it has ended. Identifies it with its id.

    By the clock of the kernel: psutil's `create_time` is wall time, which changes when that clock is set.
    """
    try:
        process = psutil.Process(pid)
        if process.status() in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}:
            return None
        return f"{process.create_time() - psutil.boot_time():.2f}"
    except psutil.Error:  # it has ended, or is a later process of another user
        return None


def _with_descendants(processes: list[psutil.Process]) -> set[psutil.Process]:
    descendants: set[psutil.Process] = set()
    for process in processes:
        if process not in descendants:
            with suppress(psutil.NoSuchProcess):
                descendants.update(process.children(recursive=True))
    return {process for process in descendants.union(processes) if not _is_own(process)}


def _kill(processes: Iterable[psutil.Process]) -> None:
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def _is_own(process: psutil.Process) -> bool:
    return process.pid == os.getpid()
