"""Starts and stops the processes of a stack: MiniStack with its Lambdas, and the worker with its tasks."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from infra.local.private_files import read_json, write_json
from infra.local.stack_error import StackError
from infra.local.stack_folder import StackFolder
from infra.paths import ROOT
from statemachine.worker.processes import kill_descendants, kill_group, kill_marked, marked, started_at

STACK_VARIABLE = "MEDIAJOBS_STACK"  # marks every process of a stack: the path of the stack's folder
STOP_TIMEOUT_SECONDS = {"worker": 8.0, "ministack": 15.0}  # from SIGTERM to SIGKILL; they are stopped in this order
POLL_SECONDS = 0.05
LOG_TAIL_LINES = 15
_children: dict[int, "subprocess.Popen[bytes]"] = {}  # started by this process, which must reap them when they end


def start(folder: StackFolder, name: str, arguments: list[str], environment: dict[str, str], version: str = "") -> None:
    """Starts `python -m ARGUMENTS` in a new process group, so that Ctrl-C in the terminal does not reach it."""
    with log_file(folder, name).open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-X", f"{STACK_VARIABLE}={folder.path}", "-m", *arguments],
            cwd=ROOT,
            env={**environment, STACK_VARIABLE: str(folder.path)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    entries = read_json(folder.processes_file)
    write_json(folder.processes_file, {**entries, name: _entry(process.pid, version)})


def running_pid(folder: StackFolder, name: str) -> int | None:
    """The process id; None if the process ended, even if another process has its id now."""
    entry = read_json(folder.processes_file).get(name)
    if not entry or not _is_alive(entry["pid"]):
        return None
    return int(entry["pid"]) if started_at(entry["pid"]) == entry["started"] else None


def running_version(folder: StackFolder, name: str) -> str | None:
    """The version that the running process was started with; None if none runs."""
    return str(read_json(folder.processes_file)[name]["version"]) if running_pid(folder, name) else None


def wait_until(folder: StackFolder, name: str, is_ready: Callable[[], bool], seconds: float) -> None:
    """Raises StackError with the end of the log if the process ends or takes longer than `seconds`."""
    deadline = time.monotonic() + seconds
    while not is_ready():
        if running_pid(folder, name) is None:
            raise StackError(f"{name} ended while it started; {_log_tail(folder, name)}")
        if time.monotonic() > deadline:
            raise StackError(f"{name} was not ready after {seconds:.0f} s; {_log_tail(folder, name)}")
        time.sleep(POLL_SECONDS)


def stop(folder: StackFolder, name: str) -> None:
    """Sends SIGTERM, then SIGKILL to the whole process group."""
    pid = running_pid(folder, name)
    if pid is not None:
        _terminate(folder, name, pid)
    entries = read_json(folder.processes_file)
    if entries.pop(name, None):
        with suppress(OSError):  # the disk is full; process id and start time still show that it ended
            write_json(folder.processes_file, entries)


def stop_all(folder: StackFolder) -> None:
    """Afterwards no process of this stack is left, whoever started it and however its parent ended."""
    for name in STOP_TIMEOUT_SECONDS:
        stop(folder, name)
    kill_marked(STACK_VARIABLE, str(folder.path))
    folder.processes_file.unlink(missing_ok=True)


def process_ids(folder: StackFolder) -> list[int]:
    """The ids of all running processes of the stack."""
    return [process.pid for process in marked(STACK_VARIABLE, str(folder.path))]


def log_file(folder: StackFolder, name: str) -> Path:
    return folder.logs / f"{name}.log"


def _terminate(folder: StackFolder, name: str, pid: int) -> None:
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + STOP_TIMEOUT_SECONDS[name]
    while running_pid(folder, name) and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        if name == "ministack":  # else it waits for the open connections of its Lambdas
            kill_descendants(pid)
    kill_group(pid)
    if pid in _children:
        _children.pop(pid).wait()


def _entry(pid: int, version: str) -> dict[str, int | str | None]:
    return {"pid": pid, "started": started_at(pid), "version": version}


def _is_alive(pid: int) -> bool:
    if pid in _children and _children[pid].poll() is not None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _log_tail(folder: StackFolder, name: str) -> str:
    path = log_file(folder, name)
    lines = path.read_text(errors="replace").splitlines()[-LOG_TAIL_LINES:]
    return "\n  ".join([f"the end of {path}:", *lines])
