"""An upload or a download that a terminal shows."""

from dataclasses import dataclass


@dataclass
class Transfer:
    what: str
    total: int | None  # bytes
    done: int = 0
    status: str = "running"
