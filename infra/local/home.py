"""Where a local stack keeps everything: two stacks with two homes do not meet."""

import fcntl
import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.local.errors import StackError

ROOT = Path(__file__).resolve().parents[2]
MODELS = ROOT / ".local" / "models"  # large and the same for all: the one thing that stacks share
OPEN = "open"  # a file that lies beside the state from the start to a clean stop


class Home:
    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.stack_file = self.path / "stack.json"
        self.processes_file = self.path / "processes.json"
        self.logs = self.path / "logs"
        self.temporary = self.path / "tmp"
        self.state = self.path / "state"
        self.open_mark = self.path / OPEN
        self.objects = self.path / "objects"
        self.claims = self.path / "worker" / "claims"
        self.key_file = self.path / "key"

    def make(self) -> None:
        for folder in (self.path, self.logs, self.temporary, self.state, self.objects, self.claims):
            folder.mkdir(parents=True, exist_ok=True, mode=0o700)

    def sweep(self) -> None:
        """Unpacked Lambdas and the like, which nobody needs once the processes are gone."""
        shutil.rmtree(self.temporary, ignore_errors=True)

    @contextmanager
    def locked(self) -> Iterator[None]:
        """One `up` or `down` at a time."""
        self.path.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (self.path / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise StackError(f"another `up` or `down` is at work in {self.path}: let it finish first") from None
            yield


def read_json(path: Path) -> dict[str, Any]:
    """Empty when it is not there or was cut short."""
    try:
        return dict(json.loads(path.read_text()))
    except (FileNotFoundError, ValueError):
        return {}


def write_json(path: Path, value: dict[str, Any]) -> None:
    write_private(path, json.dumps(value, indent=2))


def write_private(path: Path, text: str) -> None:
    """All or nothing, for its owner alone."""
    half_made = path.with_suffix(".tmp")
    with os.fdopen(os.open(half_made, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text + "\n")
    half_made.replace(path)
