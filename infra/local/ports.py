"""Finds a free TCP port, and the process that uses a port."""

import socket

import psutil

from infra.local.processes import STACK_VARIABLE
from infra.local.stack_error import StackError


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
    try:
        pid = _listening_pid(port)
        listener = psutil.Process(pid).as_dict(["environ", "cmdline"]) if pid else None
    except psutil.Error:  # the process has ended, or the system tells only root
        return ""
    if listener is None:
        return ""
    folder = (listener["environ"] or {}).get(STACK_VARIABLE)
    command = " ".join(listener["cmdline"] or []).strip()[:80]
    return f" by the stack in {folder}" if folder else f" by process {pid} ({command})"


def _listening_pid(port: int) -> int | None:
    """None for processes of other users too."""
    for connection in psutil.net_connections("tcp"):
        if connection.status == psutil.CONN_LISTEN and connection.laddr and connection.laddr.port == port:
            return connection.pid
    return None
