"""Says what a child that meets a stranger's file may reach: its own folder, its pipes, and nothing else."""

import contextlib
import json
import os
import shutil
import sys
from base64 import b64encode
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import landlockpy
from landlockpy import AccessFS, Ruleset, Scope

from mediajobs.errors import JobError
from statemachine.tasks import confinement, syscall_filter
from statemachine.tasks.confinement import Confinement

REQUIRED_VARIABLE = "REQUIRE_SANDBOX"
LIBRARIES = ("/usr/lib", "/usr/lib64", "/usr/local/lib", "/lib", "/lib64", "/etc/ld.so.cache")
MAX_THREADS = 1024 + 32 * (os.cpu_count() or 1)  # of a child; a thread takes little of its own memory
_LOADERS = ("lib*/ld-linux*.so*", "lib/ld-musl-*.so*")  # below /: they start whatever is linked dynamically
_READ = AccessFS.READ_FILE | AccessFS.READ_DIR
_WRITE = AccessFS.WRITE_FILE | AccessFS.MAKE_REG | AccessFS.TRUNCATE  # what is made stays to be seen
_SCOPE = Scope.ABSTRACT_UNIX_SOCKET | Scope.SIGNAL


@dataclass(frozen=True)
class ProcessLimits:
    """Limits of a child: CPU time over all its threads, address space, size of a file that it writes."""

    cpu_seconds: int
    memory_bytes: int
    file_bytes: int = 0


@dataclass(frozen=True)
class Sandbox:
    """What a child may reach beside its pipes. `folder` is its own.

    `enters_itself` is for a decoder, which has its program and libraries in memory by then; it gets no files of the
    system at all. Any other program may read the libraries and execute itself.
    """

    limits: ProcessLimits
    folder: Path | None = None
    enters_itself: bool = False


def missing() -> list[str]:
    """What this system lacks for it."""
    parts = {
        "Landlock (a kernel from 5.13 on that lists landlock among its security modules)": landlockpy.supported(),
        "libseccomp (the package libseccomp2)": syscall_filter.compiled(may_execute=False) is not None,
    }
    return [name for name, is_there in parts.items() if not is_there]


def check() -> list[str]:
    """What is missing. Raises JobError where REQUIRE_SANDBOX is `true` and anything is."""
    lacks = missing()
    if lacks and os.environ.get(REQUIRED_VARIABLE) == "true":
        message = f"the machine that runs the tasks has no {' and no '.join(lacks)}; {REQUIRED_VARIABLE} is set"
        raise JobError("sandbox_unavailable", message, retryable=True)
    return lacks


def check_threads(processes: Iterable[int]) -> None:
    """Raises JobError `too_expensive` where one has more than MAX_THREADS: all tasks of a host share a number of them.

    To be called again and again: no limit of Linux holds for the threads of one process.
    """
    for process in processes:
        with contextlib.suppress(OSError):  # it has ended
            if Path(f"/proc/{process}/task").stat().st_nlink - 2 > MAX_THREADS:
                raise JobError("too_expensive", "the source takes too much computing; upload a smaller version")


@contextlib.contextmanager
def confined(sandbox: Sandbox, command: list[str]) -> Iterator[tuple[list[str], list[int]]]:
    """Yields the command that runs in the sandbox, and the file descriptors that it needs until it has started.

    A child that enters itself gets its Confinement as JSON as its last argument.
    """
    with contextlib.ExitStack() as stack:
        ruleset = stack.enter_context(_ruleset(sandbox, command[0])) if landlockpy.supported() else None
        request = json.dumps(asdict(_confinement(sandbox, ruleset)))
        descriptors = [ruleset.fileno()] if ruleset else []
        if sandbox.enters_itself:
            yield [*command, request], descriptors
        else:
            program = shutil.which(command[0]) or command[0]
            yield [sys.executable, "-I", "-S", confinement.__file__, request, program, *command[1:]], descriptors


def _confinement(sandbox: Sandbox, ruleset: Ruleset | None) -> Confinement:
    program = syscall_filter.compiled(may_execute=not sandbox.enters_itself)
    return Confinement(
        parent=os.getpid(),
        cpu_seconds=sandbox.limits.cpu_seconds,
        memory_bytes=sandbox.limits.memory_bytes,
        file_bytes=sandbox.limits.file_bytes,
        ruleset=ruleset.fileno() if ruleset else None,
        system_calls=b64encode(program).decode() if program else None,
    )


def _ruleset(sandbox: Sandbox, program: str) -> Ruleset:
    """Everything that the kernel knows to forbid is forbidden, TCP and signals to others included, but for these."""
    ruleset = Ruleset(scoped=_SCOPE)
    if sandbox.folder is not None:
        ruleset.allow_path(sandbox.folder, _READ | _WRITE)
    if not sandbox.enters_itself:
        for library in filter(os.path.exists, LIBRARIES):
            access = _READ if Path(library).is_dir() else AccessFS.READ_FILE
            ruleset.allow_path(library, access)
        loaders = (str(path) for pattern in _LOADERS for path in Path("/").glob(pattern))
        for executable in (shutil.which(program) or program, *loaders):
            ruleset.allow_path(executable, AccessFS.READ_FILE | AccessFS.EXECUTE)
    return ruleset
