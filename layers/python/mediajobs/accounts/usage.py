"""The requests of a key, by day, route and status class.

Each counter is an attribute, such as `u2#GET /jobs` for the 2xx answers of that route. Days are UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mediajobs.timestamps import from_milliseconds

DAY_MS = 24 * 3600 * 1000
_LAST_DAY = 253_402_214_400_000  # 9999-12-31: years have four digits
_PREFIX = "u"


@dataclass(frozen=True)
class Day:
    """The requests of a day, by counter."""

    date: str
    counts: Mapping[str, int]


def counter(route: str, status: int) -> str:
    """Returns the counter of a route, such as `GET /jobs`, and of the class of a status."""
    return f"{_PREFIX}{status // 100}#{route}"


def counter_for(counted: str, status: int) -> str:
    """Returns the counter of the same route as `counted` for the status that was answered."""
    return counter(counted.partition("#")[2], status)


def meaning(counter: str) -> tuple[str, str]:
    """Returns the status class of a counter, such as `2xx`, and its route."""
    prefix, _, route = counter.partition("#")
    return f"{prefix.removeprefix(_PREFIX)}xx", route


def is_counter(attribute: str) -> bool:
    return attribute[:1] == _PREFIX and attribute[2:3] == "#"


def date_of(moment: int) -> str:
    """Returns the day of a moment in ms since 1970. Moments outside 1970 to 9999 count as its first or last day."""
    return str(from_milliseconds(min(max(moment, 0), _LAST_DAY)))[:10]


def day_of(row: Mapping[str, Any]) -> Day:
    """Returns the day of a row that has `day` and counters as attributes."""
    return Day(row["day"], {name: int(value) for name, value in row.items() if is_counter(name)})
