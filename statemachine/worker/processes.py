"""Finds and ends processes by a mark in their environment, which survives crashes, reused ids and re-parenting."""

import os
import signal
import time
from collections.abc import Iterable
from pathlib import Path

PROC = Path("/proc")
POLL_SECONDS = 0.02


def marked(name: str, value: str) -> list[int]:
    """Ids of the processes that were started with NAME=VALUE, this one left out. Empty where there is no /proc."""
    mark = f"{name}={value}".encode()
    return [pid for pid in _all_pids() if pid != os.getpid() and mark in environment(pid)]


def family(name: str, value: str) -> list[int]:
    """The marked processes and their descendants, which may have dropped the mark: ffmpeg gets no environment."""
    found = set(marked(name, value))
    return sorted((found | descendants(found)) - {os.getpid()})


def descendants(ancestors: set[int]) -> set[int]:
    parents = {pid: _parent(pid) for pid in _all_pids()}
    found: set[int] = set()
    while born := {pid for pid, parent in parents.items() if parent in found | ancestors} - found:
        found |= born
    return found


def kill_descendants(ancestor: int) -> None:
    _signal(descendants({ancestor}), signal.SIGKILL)


def started_at(pid: int) -> str | None:
    """When the process started, as the kernel counts; with the id it names one process for good. None: it is gone."""
    fields = _stat(pid)
    return None if not fields or fields[0] in "ZX" else fields[19]


def kill_marked(name: str, value: str, patience: float = 5.0) -> list[int]:
    """Kill the family, those that are born meanwhile as well; gives the ids of those that were found."""
    found: set[int] = set()
    deadline = time.monotonic() + patience
    while (pids := family(name, value)) and time.monotonic() < deadline:
        found.update(pids)
        _signal(pids, signal.SIGKILL)
        time.sleep(POLL_SECONDS)
    return sorted(found)


def kill_group(leader: int, signal_number: int = signal.SIGKILL) -> None:
    try:
        os.killpg(leader, signal_number)
    except (ProcessLookupError, PermissionError):  # gone; macOS answers EPERM for a group of zombies
        return


def _signal(pids: Iterable[int], signal_number: int) -> None:
    for pid in pids:
        try:
            os.kill(pid, signal_number)
        except ProcessLookupError:
            continue


def _stat(pid: int) -> list[str]:
    """The fields after the command's name: state, parent, …; empty when it is gone."""
    try:
        return (PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _parent(pid: int) -> int:
    fields = _stat(pid)
    return int(fields[1]) if fields else 0


def _all_pids() -> list[int]:
    return [int(entry.name) for entry in PROC.iterdir() if entry.name.isdigit()] if PROC.is_dir() else []


def environment(pid: int) -> list[bytes]:
    """NAME=VALUE each; empty for zombies, for kernel threads and for what belongs to somebody else."""
    try:
        return (PROC / str(pid) / "environ").read_bytes().split(b"\0")
    except OSError:
        return []
