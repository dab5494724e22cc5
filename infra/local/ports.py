"""Finds a free TCP port, and the process that uses a port."""

import socket
from pathlib import Path

from infra.local.processes import STACK_VARIABLE
from infra.local.stack_error import StackError
from statemachine.worker.processes import PROC, environment

_LISTEN_STATE = "0A"  # in /proc/net/tcp


def free_port(port: int) -> int:
    """The port itself if it is free, or any free one for 0. Raises StackError, which names the process that uses it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            raise StackError(
                f"port {port} is in use{_used_by(port)}: stop that, or choose another: MEDIAJOBS_PORT={port + 1}"
            ) from None
        return int(probe.getsockname()[1])


def _used_by(port: int) -> str:
    """Empty if the system does not say."""
    pid = _listening_pid(port)
    if pid is None:
        return ""
    prefix = f"{STACK_VARIABLE}=".encode()
    folders = [entry.partition(b"=")[2] for entry in environment(pid) if entry.startswith(prefix)]
    return f" by the stack in {folders[0].decode()}" if folders else f" by process {pid} ({_command(pid)})"


def _command(pid: int) -> str:
    try:
        words = (PROC / str(pid) / "cmdline").read_bytes()
    except OSError:  # the process has ended
        return "gone"
    return words.replace(b"\0", b" ").decode(errors="replace").strip()[:80]


def _listening_pid(port: int) -> int | None:
    sockets = {f"socket:[{inode}]" for inode in _listening_inodes(port)}
    for descriptor in PROC.glob("[0-9]*/fd/*") if sockets else []:
        try:
            if str(descriptor.readlink()) in sockets:
                return int(descriptor.parts[2])
        except OSError:  # closed in the meantime, or of another user
            continue
    return None


def _listening_inodes(port: int) -> list[str]:
    rows = [row for table in ("tcp", "tcp6") for row in _socket_rows(PROC / "net" / table)]
    return [row[9] for row in rows if row[3] == _LISTEN_STATE and int(row[1].rpartition(":")[2], 16) == port]


def _socket_rows(table: Path) -> list[list[str]]:
    return [line.split() for line in table.read_text().splitlines()[1:]] if table.exists() else []
