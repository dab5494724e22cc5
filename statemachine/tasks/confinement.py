"""Confines this process, for good: limits, files, network and system calls. It needs the standard library alone.

A decoder calls `enter` when all its modules are loaded. For other programs: `python confinement.py REQUEST COMMAND…`
enters and replaces itself by the command. REQUEST is a `Confinement` as JSON.
"""

import ctypes
import json
import os
import resource
import signal
import sys
from base64 import b64decode
from dataclasses import dataclass

_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_SECCOMP, _PR_SET_NO_NEW_PRIVS = 1, 4, 22, 38
_SECCOMP_MODE_FILTER = 2
_LANDLOCK_RESTRICT_SELF = 446  # the number of the system call, on every architecture
_FILTER_BYTES = 8  # of a `struct sock_filter`
_GRACE_SECONDS = 10  # of CPU time, from SIGXCPU to SIGKILL


@dataclass(frozen=True)
class Confinement:
    """What is taken from a process, as plain data.

    `parent` is the process with whose thread it dies. `ruleset` is the file descriptor of a Landlock ruleset,
    `system_calls` a seccomp program in base64; None where the system has no such thing.
    """

    parent: int
    cpu_seconds: int
    memory_bytes: int
    file_bytes: int
    ruleset: int | None
    system_calls: str | None


def enter(confinement: Confinement) -> None:
    """Cannot be undone, and holds for every thread and program that is started from now on.

    Raises OSError, and RuntimeError in a process with several threads: Landlock would confine this one alone.
    """
    if len(os.listdir("/proc/self/task")) != 1:  # noqa: PTH208 - names are enough
        raise RuntimeError("a process with threads cannot be confined")
    _limit(confinement)
    _control(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != confinement.parent:  # it ended before it could be followed
        os.kill(os.getpid(), signal.SIGKILL)
    _control(_PR_SET_DUMPABLE, 0)
    _control(_PR_SET_NO_NEW_PRIVS, 1)
    if confinement.ruleset is not None:
        _call("syscall", ctypes.c_long(_LANDLOCK_RESTRICT_SELF), confinement.ruleset, 0)
        os.close(confinement.ruleset)
    if confinement.system_calls is not None:
        _filter(b64decode(confinement.system_calls))


def _limit(confinement: Confinement) -> None:
    cpu = (confinement.cpu_seconds, confinement.cpu_seconds + _GRACE_SECONDS)
    limits = {
        resource.RLIMIT_CPU: cpu,
        resource.RLIMIT_AS: (confinement.memory_bytes,) * 2,
        resource.RLIMIT_FSIZE: (confinement.file_bytes,) * 2,
        resource.RLIMIT_CORE: (0, 0),
    }
    for kind, (soft, hard) in limits.items():
        _, allowed = resource.getrlimit(kind)
        bound = [value if allowed == resource.RLIM_INFINITY else min(value, allowed) for value in (soft, hard)]
        resource.setrlimit(kind, (bound[0], bound[1]))


class _Program(ctypes.Structure):
    """A `struct sock_fprog`."""

    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_char_p))


def _filter(program: bytes) -> None:
    described = _Program(len(program) // _FILTER_BYTES, program)
    _call("prctl", _PR_SET_SECCOMP, _SECCOMP_MODE_FILTER, ctypes.byref(described), 0, 0)


def _control(option: int, value: int) -> None:
    _call("prctl", option, ctypes.c_ulong(value), 0, 0, 0)


def _call(function: str, *arguments: object) -> None:
    """Calls a function of the C library that returns -1 where it failed."""
    if getattr(ctypes.CDLL(None, use_errno=True), function)(*arguments) == -1:
        code = ctypes.get_errno()
        raise OSError(code, f"{function}: {os.strerror(code)}")


def main(request: str, command: list[str]) -> None:
    """Replaces this process. The command's program is given by its path."""
    enter(Confinement(**json.loads(request)))
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2:])
