"""API keys. Only the SHA-256 of a secret is stored; the whole key is seen once, when it is made."""

import hmac
import secrets
import string
import time
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError
from pynamodb.exceptions import UpdateError

from mediajobs import limits
from mediajobs.errors import NotFound
from mediajobs.ids import assemble_key, hash_secret, split_key
from mediajobs.limits import QuotaExceeded, Window
from mediajobs.stores.environment import setting
from mediajobs.stores.jobs import now
from mediajobs.stores.rows import KeyRow, connection

_ALPHABET = string.digits + string.ascii_letters
_OPENS = "secret_sha256 = :sha256 AND attribute_not_exists(revoked_at)"
_COUNT = {
    "UpdateExpression": "SET window_used = window_used + :one",
    "ConditionExpression": f"{_OPENS} AND window_ends > :now AND window_used < requests_per_minute",
}
_BEGIN = {
    "UpdateExpression": "SET window_used = :one, window_ends = :ends",
    "ConditionExpression": f"{_OPENS} AND (attribute_not_exists(window_ends) OR window_ends <= :now)",
}


@dataclass(frozen=True)
class Caller:
    """Who is asking, and how much more they may ask."""

    key_id: str
    account: str
    window: Window | None = None


@dataclass(frozen=True)
class Key:
    """A key as its owner may see it. `revoked_at` is None while it opens."""

    key_id: str
    account: str
    created_at: str
    requests_per_minute: int
    revoked_at: str | None


def create(account: str, *, requests_per_minute: int = limits.DEFAULT_LIMIT) -> str:
    """Makes a key and returns it whole: nobody can read it again."""
    key_id, random = _random(12), _random(32)
    key = assemble_key(key_id, random)
    secret = key.rpartition("_")[2]
    KeyRow(
        key_id,
        account=account,
        secret_sha256=hash_secret(secret),
        created_at=now(),
        requests_per_minute=requests_per_minute,
    ).save(KeyRow.key_id.does_not_exist())
    return key


def authenticate(key: str) -> Caller | None:
    """Whose key this is; None when it is malformed, unknown or revoked. Raises QuotaExceeded.

    The write that counts the request also proves the secret, so this is one call, and two where a window begins.
    A malformed key costs none.
    """
    parts = split_key(key)
    if parts is None:
        return None
    key_id, sha256 = parts[0], hash_secret(parts[1])
    moment = _milliseconds()
    row: dict[str, Any] = {}
    for write in (_COUNT, _BEGIN, _COUNT):  # the third: somebody else began the window a moment earlier
        row, done = _update(write, key_id, sha256, moment)
        if done:
            return Caller(key_id, row["account"], limits.window(row, moment))
        if row.get("revoked_at") or not hmac.compare_digest(row.get("secret_sha256", ""), sha256):
            return None
        if write is _COUNT and not limits.is_over(row, moment):
            break
    raise QuotaExceeded(limits.window(row, moment))


def of_account(account: str) -> list[Key]:
    """Every key of the account, revoked ones too, the oldest first."""
    return [
        Key(row.key_id, row.account, row.created_at, int(row.requests_per_minute), row.revoked_at)
        for row in KeyRow.accounts.query(account)
    ]


def revoke(key_id: str) -> None:
    """From now on the key opens nothing; a second time changes nothing. Raises NotFound."""
    _change(key_id, KeyRow.revoked_at.set(KeyRow.revoked_at | now()))


def limit(key_id: str, requests_per_minute: int) -> None:
    """Sets the limit, for the present window too. Raises NotFound."""
    _change(key_id, KeyRow.requests_per_minute.set(requests_per_minute))


def _change(key_id: str, action: Any) -> None:
    try:
        KeyRow(key_id).update([action], condition=KeyRow.key_id.exists())
    except UpdateError as error:
        if error.cause_response_code == "ConditionalCheckFailedException":
            raise NotFound(key_id) from error
        raise


def _update(write: dict[str, str], key_id: str, sha256: str, moment: int) -> tuple[dict[str, Any], bool]:
    """The row, and whether the write was made; without it the row is as it stands, and empty for an unknown key."""
    values = {":sha256": {"S": sha256}, ":now": {"N": str(moment)}, ":one": {"N": "1"}}
    if write is _BEGIN:
        values[":ends"] = {"N": str(limits.ends(moment))}
    client: Any = connection().client
    try:
        answer = client.update_item(
            TableName=setting("KEYS_TABLE"),
            Key={"key_id": {"S": key_id}},
            ExpressionAttributeValues=values,
            ReturnValues="ALL_NEW",
            ReturnValuesOnConditionCheckFailure="ALL_OLD",
            **write,
        )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
            raise
        return _plain(error.response), False
    return _plain(answer), True


def _plain(answer: Any) -> dict[str, Any]:
    """The attributes without their types; all of those that are read here are strings or numbers."""
    item = answer.get("Attributes") or answer.get("Item") or {}
    return {name: next(iter(value.values())) for name, value in item.items()}


def _milliseconds() -> int:
    return time.time_ns() // 1_000_000


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
