"""The time, as a test sets it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from mediajobs.timestamps import rfc3339

START = 1_772_366_400_000  # 2026-03-01T12:00:00Z
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Clock:
    """Stands still until it is turned. In place of `mediajobs.clock.milliseconds` it is every clock of the library."""

    def __init__(self, milliseconds: int = START) -> None:
        self.milliseconds = milliseconds  # since 1970

    def __call__(self) -> int:
        return self.milliseconds

    @property
    def seconds(self) -> float:
        return self() / 1000

    def utc_now(self, _zone: Any = None) -> datetime:
        return _EPOCH + timedelta(milliseconds=self())

    def now(self) -> str:
        """RFC 3339."""
        return rfc3339(self.utc_now())

    def turn(self, to: datetime) -> None:
        """Forward alone: a moment that is past changes nothing."""
        self.milliseconds = max(self.milliseconds, (to - _EPOCH) // timedelta(milliseconds=1))

    def advance(self, *, seconds: float) -> None:
        self.milliseconds += round(1000 * seconds)


def stop_clock(monkeypatch: pytest.MonkeyPatch, clock: Clock | None = None) -> Clock:
    """From now on the library's time is that of this clock."""
    clock = clock or Clock()
    monkeypatch.setattr("mediajobs.clock.milliseconds", clock)
    return clock
