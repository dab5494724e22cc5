"""Finds and kills processes by a mark, which survives crashes, reused ids and re-parenting.

A mark is NAME=VALUE among a process's arguments or in its environment. The environment of a process that holds
credentials can be read by nobody, so such a one has it among its arguments: `python -X NAME=VALUE`.
"""

import os
import signal
import time
from collections.abc import Collection, Iterable
from contextlib import suppress

import psutil

POLL_SECONDS = 0.02


def marked(name: str, value: str) -> list[psutil.Process]:
    """The processes with this mark, without this one."""
    found = [process for process in psutil.process_iter(["environ", "cmdline"]) if _has_mark(process, name, value)]
    return [process for process in found if not _is_own(process)]


def kill_marked(name: str, value: str, timeout: float = 5.0) -> list[int]:
    """Kills the marked processes and their descendants, also those that start meanwhile. Returns the ids found.

    A descendant may have dropped the mark: ffmpeg gets a clean environment.
    """
    found: set[int] = set()
    deadline = time.monotonic() + timeout
    while (processes := _with_descendants(marked(name, value))) and time.monotonic() < deadline:
        found.update(process.pid for process in processes)
        _kill(processes)
        time.sleep(POLL_SECONDS)
    return sorted(found)


def kill_orphans(of_others: Collection[int]) -> None:
    """Kills what this process has adopted: all its children but for those with these ids.

    They are descendants of a child that ended before them, whatever group or session they moved to.
    """
    while orphans := [child for child in psutil.Process().children() if child.pid not in of_others]:
        _kill(_with_descendants(orphans))
        for orphan in orphans:
            with suppress(ChildProcessError):
                os.waitpid(orphan.pid, 0)


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


def _has_mark(process: psutil.Process, name: str, value: str) -> bool:
    """Arguments and environment are None for zombies, the environment for those that may not be inspected, too."""
    arguments, environment = process.info["cmdline"] or [], process.info["environ"] or {}
    return f"{name}={value}" in arguments or environment.get(name) == value


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
