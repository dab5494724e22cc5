"""How the parts of the service are, and what that says of the whole."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Self

LOW_DISK_PERCENT = 10
_MISSED = 3  # so many signs in a row, and the worker counts as gone; this is also how far clocks may differ
_FORGOTTEN = 30  # as many (300 s: AWS refuses clocks that differ by more), and its sign is cleared away


class State(StrEnum):
    HEALTHY = "healthy"
    WARNING = "warning"  # all is well, and will not stay so
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True)
class CheckResult:
    """What a check found. `facts` may be told to anybody; `reason` is for the log."""

    state: State
    facts: dict[str, float] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True)
class Disk:
    """In bytes."""

    total: int
    used: int
    free: int

    @property
    def free_percent(self) -> float:
        return round(100 * self.free / self.total, 2) if self.total else 0.0

    def check_result(self) -> CheckResult:
        gigabytes = {f"{name}_gb": round(size / 2**30, 2) for name, size in asdict(self).items()}
        facts = {**gigabytes, "free_percent": self.free_percent}
        if self.free_percent < LOW_DISK_PERCENT:
            return CheckResult(State.WARNING, facts, "the disk is nearly full")
        return CheckResult(State.HEALTHY, facts)


@dataclass(frozen=True)
class Heartbeat:
    """A worker's sign of life: `seen` in seconds since 1970 by its clock, and every how many seconds it gives one."""

    seen: float
    every: float
    disk: Disk

    def alive(self, now: float) -> bool:
        return abs(now - self.seen) <= _MISSED * self.every

    def is_expired(self, now: float) -> bool:
        return now - self.seen > _FORGOTTEN * self.every

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Self:
        values = json.loads(text)
        return cls(values["seen"], values["every"], Disk(**values["disk"]))


def fullest(signs: Iterable[Heartbeat]) -> Disk | None:
    """Of the workers' disks, the one with the least left."""
    return min((sign.disk for sign in signs), key=lambda disk: disk.free_percent, default=None)


def overall(states: Iterable[State]) -> State:
    """`degraded` where a part does not work; else `warning` where one soon may not."""
    found = set(states)
    if found & {State.DEGRADED, State.UNHEALTHY}:
        return State.DEGRADED
    return State.WARNING if State.WARNING in found else State.HEALTHY
