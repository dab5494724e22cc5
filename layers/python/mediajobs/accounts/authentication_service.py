"""Authenticates requests, by API key or by job token, and counts them against the key, in one conditional write.

A refused request writes nothing. What a process remembers of a key (`key_memory`) refuses a wrong secret, and a
credential that was refused a moment ago, without a call. A key that the process has not seen yet, and one whose window
was full, is read first. The write checks all of it again, so what is remembered lets nobody in.
"""

import hmac
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mediajobs import clock
from mediajobs.accounts import job_token_service, key_store, rate_limits, usage_store
from mediajobs.accounts.api_keys import hash_secret, split_key
from mediajobs.accounts.key_memory import KeyMemory
from mediajobs.accounts.key_store import Caller
from mediajobs.accounts.rate_limits import RateLimitExceeded
from mediajobs.accounts.usage import date_of, day_of
from mediajobs.aws import backoff
from mediajobs.aws.dynamodb import Item
from mediajobs.errors import Contention

_TRIES = 8
_FIRST_PAUSE = 0.001  # seconds: most tries follow from what was read, not from a race
_TRIES_FOR_A_DAY = 5  # after them a request is counted in the day that the row has, rather than refused
_memory = KeyMemory()


def by_key(key: str, counter: str) -> Caller | None:
    """Returns the caller, or None for a key that is malformed, unknown or revoked.

    Counts the request, in the key's window and in today's `counter` (see mediajobs.accounts.usage). It takes one call,
    a write; one more, a read, for the first request of a key in a process; and a transaction for the first one of a
    day. A malformed key takes none. Raises RateLimitExceeded, Contention.
    """
    parts = split_key(key)
    return None if parts is None else _admit(parts[0], hash_secret(parts[1]), counter)


def by_token(text: str, counter: str) -> Caller | None:
    """Returns the caller, who may use one job alone, or None where the key that made the token is revoked.

    The request counts against that key, at the price of one by the key itself. Raises what `by_key` raises, and
    InvalidToken and ExpiredToken.
    """
    token = job_token_service.verify(text)
    caller = _admit(token.key_id, None, counter)
    return None if caller is None else replace(caller, job_id=token.job_id)


def _admit(key_id: str, sha256: str | None, counter: str) -> Caller | None:
    moment = clock.milliseconds()
    if _memory.is_refused((key_id, sha256), moment):
        return None
    caller = _count(_row(key_id, sha256, moment), sha256, counter, moment)
    if caller is None:
        _memory.refuse((key_id, sha256), moment)
    return caller


def _row(key_id: str, sha256: str | None, moment: int) -> Item:
    """Returns the key's row as it is remembered where that is enough, else as it is in the table."""
    row = _memory.row(key_id, moment)
    if row is not None and (not _is_valid(row, sha256) or _may_be_counted(row, moment)):
        return row
    row = key_store.read(key_id)
    _memory.keep(row, moment)
    return row


def _may_be_counted(row: Mapping[str, Any], moment: int) -> bool:
    return row.get("day", "") >= date_of(moment) and not _is_full(row, moment)


def _count(row: Item, sha256: str | None, counter: str, moment: int) -> Caller | None:
    today = date_of(moment)
    for tried in backoff.attempts(_TRIES, first_pause=_FIRST_PAUSE):
        if not _is_valid(row, sha256):
            return None
        if _is_full(row, moment):
            raise RateLimitExceeded(rate_limits.window(row, moment), row["account"])
        if row.get("day", "") < today:
            if tried < _TRIES_FOR_A_DAY:
                usage_store.begin_day(row, today)
            else:
                today = row.get("day", today)
        row, done = key_store.count(row, counter, today, moment)
        _memory.keep(row, moment)
        if done:
            return Caller(row["key_id"], row["account"], rate_limits.window(row, moment), day_of(row))
    raise Contention


def _is_valid(row: Mapping[str, Any], sha256: str | None) -> bool:
    """Whether the key exists and is not revoked, and the secret is the key's. A job token has no secret."""
    if not row or row.get("revoked_at"):
        return False
    return sha256 is None or hmac.compare_digest(str(row["secret_sha256"]), sha256)


def _is_full(row: Mapping[str, Any], moment: int) -> bool:
    return not rate_limits.is_over(row, moment) and rate_limits.is_full(row)
