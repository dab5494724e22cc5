"""Spans of time as few blocks of 8^n milliseconds: the milliseconds since 1970, cut into blocks of 1, 8, 64, … ms."""

from collections.abc import Iterator

_BITS = 3  # eight blocks make up one of the next larger size
_LEVELS = 14  # 8^14 ms are 139 years
EPOCH_END = 1 << (_BITS * _LEVELS)


def blocks_of(moment: int) -> list[str]:
    """The name of the block of each size that contains a moment (ms since 1970)."""
    return [_name(level, moment >> (_BITS * level)) for level in range(_LEVELS + 1)]


def blocks_between(first: int, last: int) -> Iterator[str]:
    """The names of the fewest blocks that cover exactly the moments from `first` to `last`, both included."""
    start, end = max(first, 0), min(last, EPOCH_END - 1) + 1
    while start < end:
        level = _largest_level(start, end)
        yield _name(level, start >> (_BITS * level))
        start += 1 << (_BITS * level)


def _largest_level(start: int, end: int) -> int:
    """The level of the largest block that begins at `start` and does not go beyond `end`."""
    level = 0
    while level < _LEVELS:
        size = 1 << _BITS * (level + 1)
        if start % size or start + size > end:
            break
        level += 1
    return level


def _name(level: int, number: int) -> str:
    return f"{level:02d}#{number}"
