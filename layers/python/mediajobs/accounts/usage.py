"""What a key asked for: requests by day, route and class of the answer.

A counter is an attribute of its own, as `u2#GET /jobs`: answers of 2xx to that route. Days are UTC.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mediajobs.timestamps import of_milliseconds

DAY_MS = 24 * 3600 * 1000
_LAST_DAY = 253_402_214_400_000  # 9999-12-31: years have four digits
_PREFIX = "u"


@dataclass(frozen=True)
class Day:
    """`counts`: requests by counter."""

    date: str
    counts: Mapping[str, int]


def counter(route: str, status: int) -> str:
    """Of a route, as `GET /jobs`, and the class that the status is of."""
    return f"{_PREFIX}{status // 100}#{route}"


def counter_for(counted: str, status: int) -> str:
    """Where a request that was counted as `counted` belongs, now that its answer is known."""
    return counter(counted.partition("#")[2], status)


def meaning(counter: str) -> tuple[str, str]:
    """The class of the answers that it counts, as `2xx`, and their route."""
    kind, _, route = counter.partition("#")
    return f"{kind.removeprefix(_PREFIX)}xx", route


def is_counter(attribute: str) -> bool:
    return attribute[:1] == _PREFIX and attribute[2:3] == "#"


def date_of(moment: int) -> str:
    """The day of a moment in ms since 1970; moments that no key has seen count as the first or last that one can."""
    return str(of_milliseconds(min(max(moment, 0), _LAST_DAY)))[:10]


def day_of(row: Mapping[str, Any]) -> Day:
    """Of a row with its counters beside its `day`."""
    return Day(row["day"], {name: int(value) for name, value in row.items() if is_counter(name)})
