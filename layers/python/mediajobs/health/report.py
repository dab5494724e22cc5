"""The states of the parts of the service, and the overall state that follows from them."""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Self

LOW_DISK_PERCENT = 10
_MAX_MISSED = 3  # missed heartbeats after which a worker counts as dead; clocks may differ by as much, too
_EXPIRED = 30  # missed heartbeats after which one is deleted (300 s: AWS refuses clocks that differ by more)


class State(StrEnum):
    HEALTHY = "healthy"
    WARNING = "warning"  # it works, and may soon stop
    DEGRADED = "degraded"
    UNHEALTHY = "unhealthy"


@dataclass(frozen=True)
class CheckResult:
    """The result of a check. `facts` are public; `reason` is only for the log."""

    state: State
    facts: dict[str, float] = field(default_factory=dict)
    reason: str | None = None


@dataclass(frozen=True)
class Disk:
    """The space of a disk in bytes."""

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
    """A worker's heartbeat: `seen` in seconds since 1970 by its clock, sent every `every` seconds."""

    seen: float
    every: float
    disk: Disk

    def alive(self, now: float) -> bool:
        return abs(now - self.seen) <= _MAX_MISSED * self.every

    def is_expired(self, now: float) -> bool:
        return now - self.seen > _EXPIRED * self.every

    def dump(self) -> str:
        return json.dumps(asdict(self))

    @classmethod
    def load(cls, text: str) -> Self:
        values = json.loads(text)
        return cls(values["seen"], values["every"], Disk(**values["disk"]))


def fullest(heartbeats: Iterable[Heartbeat]) -> Disk | None:
    """Returns the workers' disk with the lowest percentage of free space; None without workers."""
    return min((heartbeat.disk for heartbeat in heartbeats), key=lambda disk: disk.free_percent, default=None)


def overall(states: Iterable[State]) -> State:
    """Returns `degraded` where a part does not work, else `warning` where one may soon stop working."""
    present = set(states)
    if present & {State.DEGRADED, State.UNHEALTHY}:
        return State.DEGRADED
    return State.WARNING if State.WARNING in present else State.HEALTHY
