"""What must be so before a stack can start. Every StackError names its cure in one line."""

import shutil
import socket
from collections.abc import Callable
from pathlib import Path

from infra.local.errors import StackError
from infra.local.home import MODELS
from infra.local.processes import MARK
from infra.models import ModelError, pull
from statemachine.worker.processes import PROC, environment

FREE_BYTES = 1 << 30


def ready(home: Path) -> None:
    for tool in ("ffmpeg", "ffprobe"):
        if not shutil.which(tool):
            raise StackError(f"{tool} is missing: apt-get install ffmpeg (macOS: brew install ffmpeg)")
    if (free := shutil.disk_usage(home).free) < FREE_BYTES:
        raise StackError(f"only {free >> 20} MB free below {home}: make room for 1 GB, or set MEDIAJOBS_HOME elsewhere")


def model(name: str, say: Callable[[str], None]) -> None:
    """Pulls what is not there yet. Whisper's weights are 145 MB for `base`."""
    if not (MODELS / name).exists():
        say(f"pulling the Whisper model {name}")
    try:
        pull(name, MODELS)
    except ModelError as error:
        raise StackError(str(error)) from error


def free_port(port: int) -> int:
    """The port itself, or any free one for 0."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise StackError(
                f"port {port} is in use{_by_whom(port)}: stop that, or choose another: MEDIAJOBS_PORT={port + 1}"
            ) from None
        return int(probe.getsockname()[1])


def _by_whom(port: int) -> str:
    """Empty where the system does not tell."""
    pid = _listener(port)
    if pid is None:
        return ""
    homes = [entry.partition(b"=")[2] for entry in environment(pid) if entry.startswith(f"{MARK}=".encode())]
    return f" by the stack in {homes[0].decode()}" if homes else f" by process {pid} ({_command(pid)})"


def _command(pid: int) -> str:
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:  # it has just ended
        return "gone"
    return words.replace(b"\0", b" ").decode(errors="replace").strip()[:80]


def _listener(port: int) -> int | None:
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for descriptor in PROC.glob("[0-9]*/fd/*") if sockets else []:
        try:
            if str(descriptor.readlink()) in sockets:
                return int(descriptor.parts[2])
        except OSError:  # closed meanwhile, or not ours
            continue
    return None


def _listening_inodes(port: int) -> list[str]:
    rows: list[list[str]] = []
    for table in ("tcp", "tcp6"):
        path = PROC / "net" / table
        rows += [line.split() for line in path.read_text().splitlines()[1:]] if path.exists() else []
    return [row[9] for row in rows if row[3] == "0A" and int(row[1].rpartition(":")[2], 16) == port]
