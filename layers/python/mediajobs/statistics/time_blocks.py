"""Any span of time as the sum of few blocks of 8^n milliseconds."""

from collections.abc import Iterator

_BITS = 3  # eight blocks make the next larger one
_LEVELS = 14  # 8^14 ms are 139 years
EPOCH_END = 1 << (_BITS * _LEVELS)


def blocks_of(moment: int) -> list[str]:
    """The block of each size that a moment (ms since 1970) lies in."""
    return [_name(level, moment >> (_BITS * level)) for level in range(_LEVELS + 1)]


def blocks_between(first: int, last: int) -> Iterator[str]:
    """The fewest blocks that make up all moments from `first` to `last`, both included."""
    here, end = max(first, 0), min(last, EPOCH_END - 1) + 1
    while here < end:
        level = 0
        while level < _LEVELS and here % (1 << _BITS * (level + 1)) == 0 and here + (1 << _BITS * (level + 1)) <= end:
            level += 1
        yield _name(level, here >> (_BITS * level))
        here += 1 << (_BITS * level)


def _name(level: int, number: int) -> str:
    return f"{level:02d}#{number}"
