"""API keys. Only the SHA-256 of a secret is stored; the whole key is seen once, when it is made."""

import hmac
import secrets
import string
from dataclasses import dataclass

from pynamodb.exceptions import DoesNotExist

from mediajobs.ids import assemble_key, hash_secret, split_key
from mediajobs.stores.jobs import now
from mediajobs.stores.rows import KeyRow

_ALPHABET = string.digits + string.ascii_letters


@dataclass(frozen=True)
class Caller:
    """Who is asking."""

    key_id: str
    account: str


def create(account: str, *, requests_per_minute: int = 100) -> str:
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
    """Whose key this is; None when it is malformed, unknown or revoked. A malformed one costs no read."""
    parts = split_key(key)
    if parts is None:
        return None
    key_id, secret = parts
    try:
        row = KeyRow.get(key_id, consistent_read=True)
    except DoesNotExist:
        return None
    if row.revoked_at or not hmac.compare_digest(row.secret_sha256, hash_secret(secret)):
        return None
    return Caller(key_id=key_id, account=row.account)


def _random(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
