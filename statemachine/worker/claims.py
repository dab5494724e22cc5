"""Records the tasks taken on disk before they start, so that a worker resumes them after a crash."""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Claim:
    token: str
    input: dict[str, Any]  # what the state machine sent: the parameters of batch:submitJob

    @property
    def id(self) -> str:
        """Names the task in logs and file names, because the token is a credential."""
        return hashlib.sha256(self.token.encode()).hexdigest()[:16]


class ClaimsInUse(Exception):
    """Another worker uses these claims."""


class Claims:
    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self.folder = folder

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Locks the folder, because two workers with the same claims would both resume them. Raises ClaimsInUse."""
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ClaimsInUse(
                    f"another worker uses {self.folder}: stop it, or give --claims another folder"
                ) from None
            yield

    def save(self, claim: Claim) -> None:
        path = self._path(claim)
        temporary = path.with_suffix(".tmp")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            json.dump({"token": claim.token, "input": claim.input}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
        self._sync_folder()

    def remove(self, claim: Claim) -> None:
        self._path(claim).unlink(missing_ok=True)

    def all(self) -> list[Claim]:
        """All claims, the oldest first. A file that is no claim, as after a full disk, is left out."""
        paths = sorted(self.folder.glob("*.json"), key=_modified_at)
        return [claim for claim in map(_read, paths) if claim is not None]

    def _path(self, claim: Claim) -> Path:
        return self.folder / f"{claim.id}.json"

    def _sync_folder(self) -> None:
        descriptor = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _modified_at(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except FileNotFoundError:  # it has just been removed
        return 0


def _read(path: Path) -> Claim | None:
    try:
        saved = json.loads(path.read_text())
        return Claim(saved["token"], saved["input"])
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
