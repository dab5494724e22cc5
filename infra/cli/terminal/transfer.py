"""The state of an upload or a download for a display."""

from dataclasses import dataclass


@dataclass
class Transfer:
    label: str
    total: int | None  # bytes; None if unknown
    done: int = 0  # bytes
    status: str = "running"
