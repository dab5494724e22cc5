"""The processes of a stack: MiniStack with its Lambdas, the worker with its tasks."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from infra.local.errors import StackError
from infra.local.home import ROOT, Home, read_json, write_json
from statemachine.worker.processes import kill_descendants, kill_group, kill_marked, marked, started_at

MARK = "MEDIAJOBS_STACK"  # in the environment of every process of a stack, with the stack's home
PATIENCE = {"worker": 8.0, "ministack": 15.0}  # seconds from SIGTERM to SIGKILL; they stop in this order
LOOK_SECONDS = 0.05
TAIL_LINES = 15
_children: dict[int, "subprocess.Popen[bytes]"] = {}  # those of this process: it must collect them when they end


def start(home: Home, name: str, arguments: list[str], environment: dict[str, str], version: str = "") -> None:
    """In a process group of its own, so that Ctrl-C in the terminal is not for it."""
    with log_file(home, name).open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", *arguments],
            cwd=ROOT,
            env={**environment, MARK: str(home.path)},
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    _children[process.pid] = process
    known = read_json(home.processes_file)
    write_json(home.processes_file, {**known, name: _entry(process.pid, version)})


def running(home: Home, name: str) -> int | None:
    """Its id, if the process that was started is the one that has this id now."""
    entry = read_json(home.processes_file).get(name)
    if not entry or not _alive(entry["pid"]):
        return None
    return int(entry["pid"]) if started_at(entry["pid"]) == entry["started"] else None


def version(home: Home, name: str) -> str | None:
    """What the running one was started with; None when none runs."""
    return str(read_json(home.processes_file)[name]["version"]) if running(home, name) else None


def wait_until(home: Home, name: str, is_ready: Callable[[], bool], seconds: float) -> None:
    """Raises StackError with the end of the log when the process ends or takes too long."""
    deadline = time.monotonic() + seconds
    while not is_ready():
        if running(home, name) is None:
            raise StackError(f"{name} ended while it started; {_tail(home, name)}")
        if time.monotonic() > deadline:
            raise StackError(f"{name} was not ready after {seconds:.0f} s; {_tail(home, name)}")
        time.sleep(LOOK_SECONDS)


def stop(home: Home, name: str) -> None:
    """Politely, then for good; the whole group."""
    pid = running(home, name)
    if pid is not None:
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + PATIENCE[name]
        while running(home, name) and time.monotonic() < deadline:
            time.sleep(LOOK_SECONDS)
            if name == "ministack":  # it would wait for the open connections of its Lambdas
                kill_descendants(pid)
        kill_group(pid)
        if pid in _children:
            _children.pop(pid).wait()
    known = read_json(home.processes_file)
    if known.pop(name, None):
        with suppress(OSError):  # a full disk; the pid and its start tell that it is gone
            write_json(home.processes_file, known)


def stop_all(home: Home) -> None:
    """Afterwards no process of this stack is left, whoever started it and however its parent ended."""
    for name in PATIENCE:
        stop(home, name)
    kill_marked(MARK, str(home.path))
    home.processes_file.unlink(missing_ok=True)


def left(home: Home) -> list[int]:
    return marked(MARK, str(home.path))


def log_file(home: Home, name: str) -> Path:
    return home.logs / f"{name}.log"


def _entry(pid: int, version: str) -> dict[str, int | str | None]:
    return {"pid": pid, "started": started_at(pid), "version": version}


def _alive(pid: int) -> bool:
    if pid in _children and _children[pid].poll() is not None:
        return False
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


def _tail(home: Home, name: str) -> str:
    path = log_file(home, name)
    lines = path.read_text(errors="replace").splitlines()[-TAIL_LINES:]
    return "\n  ".join([f"the end of {path}:", *lines])
