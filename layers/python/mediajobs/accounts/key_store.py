"""API keys. Only the SHA-256 of a secret is stored; the whole key is shown once, when it is created."""

import hmac
import secrets
import string
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from mediajobs import clock
from mediajobs.accounts import rate_limits, usage_store
from mediajobs.accounts.api_keys import assemble_key, hash_secret, split_key
from mediajobs.accounts.rate_limits import RateLimitExceeded, Window
from mediajobs.accounts.usage import Day, date_of, day_of
from mediajobs.aws import backoff, batch_items
from mediajobs.aws.conditional_writes import update, write_if_allowed
from mediajobs.aws.dynamodb import FromEnvironment, Item, TableModel
from mediajobs.errors import Conflict, Contention, NotFound
from mediajobs.settings import setting


class AccountIndex(GlobalSecondaryIndex["KeyRow"]):
    """The keys of an account, the oldest first. Attributes that change with every request are not projected."""

    class Meta:
        index_name = "accounts"
        projection = IncludeProjection(["revoked_at", "requests_per_minute"])

    account = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute(range_key=True)


class KeyRow(TableModel):
    """A row of the table ApiKeys. `window_used` requests were counted in the window that ends at `window_ends`, in ms
    since 1970. The counters of `day` are further attributes, see mediajobs.accounts.usage."""

    class Meta:
        table_name = FromEnvironment("API_KEYS_TABLE")

    key_id = UnicodeAttribute(hash_key=True)
    account = UnicodeAttribute()
    secret_sha256 = UnicodeAttribute()
    created_at = UnicodeAttribute()
    revoked_at = UnicodeAttribute(null=True)
    requests_per_minute = NumberAttribute()
    window_ends = NumberAttribute(null=True)
    window_used = NumberAttribute(null=True)
    day = UnicodeAttribute(null=True)
    accounts = AccountIndex()


_ALPHABET = string.digits + string.ascii_letters
_TRIES = 8
_FIRST_PAUSE = 0.001  # seconds: most tries follow from what was read, not from a race
_TRIES_FOR_A_DAY = 5  # after them a request is counted in the day that the row has, rather than refused
# A process with a slow clock counts into the day that has begun.
_IS_VALID = "secret_sha256 = :sha256 AND attribute_not_exists(revoked_at) AND #day >= :today"
_USAGE = "ADD #counter :one, day_writes :one"
_COUNT = {
    "UpdateExpression": f"SET window_used = window_used + :one {_USAGE}",
    "ConditionExpression": f"{_IS_VALID} AND window_ends > :now AND window_used < requests_per_minute",
}
_BEGIN = {
    "UpdateExpression": f"SET window_used = :one, window_ends = :ends {_USAGE}",
    "ConditionExpression": f"{_IS_VALID} AND (attribute_not_exists(window_ends) OR window_ends <= :now)",
}


@dataclass(frozen=True)
class Caller:
    """The key and account of a request, the key's window, and its requests of today, this one included."""

    key_id: str
    account: str
    window: Window
    today: Day


@dataclass(frozen=True)
class Key:
    """A key as its owner may see it. `revoked_at` is None while the key is valid."""

    key_id: str
    account: str
    created_at: str
    requests_per_minute: int
    revoked_at: str | None


def create(account: str, *, requests_per_minute: int = rate_limits.DEFAULT_LIMIT) -> str:
    """Creates a key and returns it with its secret, which cannot be read again."""
    key_id, random = _random(12), _random(32)
    key = assemble_key(key_id, random)
    secret = key.rpartition("_")[2]
    KeyRow(
        key_id,
        account=account,
        secret_sha256=hash_secret(secret),
        created_at=clock.now(),
        requests_per_minute=requests_per_minute,
        day=date_of(clock.milliseconds()),
    ).save(KeyRow.key_id.does_not_exist())
    return key


def authenticate(key: str, counter: str) -> Caller | None:
    """Returns the caller, or None for a key that is malformed, unknown or revoked.

    The conditional write that checks the secret also counts the request, in the key's window and in today's `counter`
    (see mediajobs.accounts.usage). It takes one call, two where a window begins, and two more for the first request of
    a day. A malformed key takes none. Raises RateLimitExceeded, Contention.
    """
    parts = split_key(key)
    if parts is None:
        return None
    key_id, sha256 = parts[0], hash_secret(parts[1])
    moment = clock.milliseconds()
    write, today = _COUNT, date_of(moment)
    for tried in backoff.attempts(_TRIES, first_pause=_FIRST_PAUSE):
        row, done = _update(write, key_id, sha256, moment, today, counter)
        if done:
            return Caller(key_id, row["account"], rate_limits.window(row, moment), day_of(row))
        if row.get("revoked_at") or not hmac.compare_digest(row.get("secret_sha256", ""), sha256):
            return None
        write = _BEGIN if rate_limits.is_over(row, moment) else _COUNT
        if write is _COUNT and rate_limits.is_full(row):
            raise RateLimitExceeded(rate_limits.window(row, moment))
        if row.get("day", "") < today:
            if tried < _TRIES_FOR_A_DAY:
                usage_store.begin_day(row, today)
            else:
                today = row.get("day", today)
    raise Contention


def of_account(account: str) -> list[Key]:
    """Returns all keys of the account, the oldest first, revoked ones included."""
    return [
        Key(row.key_id, row.account, row.created_at, int(row.requests_per_minute), row.revoked_at)
        for row in KeyRow.accounts.query(account)
    ]


def revoke(key_id: str) -> None:
    """Makes the key invalid. A key that is revoked already stays as it is. Raises NotFound."""
    _change(key_id, KeyRow.revoked_at.set(KeyRow.revoked_at | clock.now()))


def revoked_of(key_ids: Collection[str]) -> set[str]:
    """Returns those of the keys that are not valid: revoked or unknown."""
    keys = [{"key_id": {"S": key_id}} for key_id in sorted(set(key_ids))]
    [found] = batch_items.read(
        batch_items.BatchRead(setting("API_KEYS_TABLE"), keys, ("key_id", "revoked_at"), consistent=True)
    )
    good = {image["key_id"]["S"] for image in found if "revoked_at" not in image}
    return set(key_ids) - good


def set_rate_limit(key_id: str, requests_per_minute: int) -> None:
    """Sets the rate limit, from the present window on. Raises NotFound, and Conflict for a revoked key."""
    _change(key_id, KeyRow.requests_per_minute.set(requests_per_minute), KeyRow.revoked_at.does_not_exist())


def _change(key_id: str, action: Any, only_if: Any = None) -> None:
    """Raises NotFound, and Conflict for a key that exists but does not meet `only_if`."""
    there = KeyRow.key_id.exists()
    condition = there if only_if is None else there & only_if
    if not write_if_allowed(lambda: KeyRow(key_id).update([action], condition=condition)):
        if not KeyRow.count(key_id, consistent_read=True):
            raise NotFound("key", key_id)
        raise Conflict(f"The key {key_id} is revoked, for good. Make another one.")


def _update(write: Item, key_id: str, sha256: str, moment: int, today: str, counter: str) -> tuple[Item, bool]:
    """Returns the row, and whether the write was made."""
    values = {":sha256": {"S": sha256}, ":now": {"N": str(moment)}, ":one": {"N": "1"}, ":today": {"S": today}}
    if write is _BEGIN:
        values[":ends"] = {"N": str(rate_limits.ends(moment))}
    names = {"#day": "day", "#counter": counter}
    return update(
        setting("API_KEYS_TABLE"),
        {"key_id": {"S": key_id}},
        ExpressionAttributeNames=names,
        ExpressionAttributeValues=values,
        **write,
    )


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
