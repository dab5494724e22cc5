"""Identifiers: of jobs (ULIDs), and of webhooks and their deliveries (ULIDs with a prefix)."""

import re

JOB_ID = re.compile(r"[0-7][0-9A-HJKMNP-TV-Z]{25}")
WEBHOOK_ID = re.compile(f"wh_{JOB_ID.pattern}")
DELIVERY_ID = re.compile(f"dl_{JOB_ID.pattern}")


def is_job_id(text: str) -> bool:
    return JOB_ID.fullmatch(text) is not None


_ENCODING = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # the base 32 of ULIDs
_FIRST, _LAST = "0" * 16, "Z" * 16  # the random parts of the first and the last ULID of a millisecond


def ulid_bounds(first: int | None, last: int | None) -> tuple[str, str]:
    """Returns the first and the last ULID of a time span, in ms since 1970. None is an open end."""
    return _ulid_time(first or 0) + _FIRST, _ulid_time((1 << 48) - 1 if last is None else last) + _LAST


def _ulid_time(moment: int) -> str:
    moment = min(max(moment, 0), (1 << 48) - 1)
    return "".join(_ENCODING[moment >> shift & 31] for shift in range(45, -1, -5))
