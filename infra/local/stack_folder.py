"""The folder of a local stack's files. Two stacks with different folders are independent."""

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from infra.local.stack_error import StackError

RUNNING_MARKER = "open"  # name of a file beside the state, which exists from the start to a clean stop


class StackFolder:
    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.stack_file = self.path / "stack.json"
        self.processes_file = self.path / "processes.json"
        self.logs = self.path / "logs"
        self.temporary = self.path / "tmp"
        self.state = self.path / "state"
        self.running_marker = self.path / RUNNING_MARKER
        self.objects = self.path / "objects"
        self.claims = self.path / "worker" / "claims"
        self.key_file = self.path / "key"

    def create(self) -> None:
        for folder in (self.path, self.logs, self.temporary, self.state, self.objects, self.claims):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def remove_temporary_files(self) -> None:
        """Removes unpacked Lambdas and the like, which are not needed after the processes ended."""
        shutil.rmtree(self.temporary, ignore_errors=True)

    @contextmanager
    def lock(self) -> Iterator[None]:
        """Allows one `up` or `down` at a time. Raises StackError if another one is running."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackError(f"another `up` or `down` is at work in {self.path}: let it finish first") from None
            yield
