"""API keys. Only the SHA-256 of a secret is stored; the whole key is shown once, when it is created."""

import secrets
import string
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from pynamodb.attributes import NumberAttribute, UnicodeAttribute
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection

from mediajobs import clock
from mediajobs.accounts import rate_limits
from mediajobs.accounts.api_keys import assemble_key, hash_secret
from mediajobs.accounts.rate_limits import Window
from mediajobs.accounts.usage import Day, date_of
from mediajobs.aws import batch_items, dynamodb
from mediajobs.aws.conditional_writes import update, write_if_allowed
from mediajobs.aws.dynamodb import FromEnvironment, Item, TableModel
from mediajobs.errors import Conflict, NotFound
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
    """The key and account of a request, the key's window, and its requests of today, this one included.

    `job_id` is set for a job token: the caller may use that job alone.
    """

    key_id: str
    account: str
    window: Window
    today: Day
    job_id: str | None = None


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


def read(key_id: str) -> Item:
    """Returns the row of a key as it is now, with the counters of its day; an empty one where there is no such key."""
    answer = dynamodb.client().get_item(
        TableName=setting("API_KEYS_TABLE"), Key={"key_id": {"S": key_id}}, ConsistentRead=True
    )
    return dynamodb.from_item(answer.get("Item"))


def count(row: Item, counter: str, today: str, moment: int) -> tuple[Item, bool]:
    """Counts a request in the key's window and in today's `counter` (see mediajobs.accounts.usage).

    `row` is the key's row as it was seen last, `moment` in ms since 1970. The one write is made on the condition that
    the secret is the row's, that the key is not revoked, that its day has begun, and that the window allows it.
    Returns the row as it is now, and whether the request was counted.
    """
    write = _BEGIN if rate_limits.is_over(row, moment) else _COUNT
    return _update(write, row["key_id"], row["secret_sha256"], moment, today, counter)


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
