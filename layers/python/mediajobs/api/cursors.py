"""Cursors: positions in lists. Each is signed with the API key of its receiver, so no other key can use it, and nobody
can change it."""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

_SIGNATURE_BYTES = 16


class InvalidCursor(ValueError):
    """The cursor was changed, or belongs to another key or to another list."""


def encode(position: dict[str, Any], *, of: str, key: str) -> str:
    """Returns a cursor. `position`: where the list goes on, as JSON data; `of`: the name of the list."""
    body = json.dumps(position, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    return _text(_sign(body, of, key) + body)


def decode(cursor: str, *, of: str, key: str) -> dict[str, Any]:
    """Returns the position. Raises InvalidCursor."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor from error
    if cursor != _text(raw):  # the decoder ignores characters outside its alphabet
        raise InvalidCursor
    signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _sign(body, of, key)):
        raise InvalidCursor
    position: dict[str, Any] = json.loads(body)
    return position


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _sign(body: bytes, of: str, key: str) -> bytes:
    message = hashlib.sha256(of.encode()).digest() + body
    return hmac.digest(key.encode(), message, "sha256")[:_SIGNATURE_BYTES]
