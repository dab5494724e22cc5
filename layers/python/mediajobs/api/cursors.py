"""Cursors: where a list goes on. Signed with the key of whoever got it, so nobody else can use or change it."""

import base64
import binascii
import hashlib
import hmac
import json
from typing import Any

_SIGNATURE_BYTES = 16


class InvalidCursor(ValueError):
    """It was changed, belongs to another key, or to a list with other filters."""


def encode(place: dict[str, Any], *, of: str, key: str) -> str:
    """`place`: where to go on, as JSON data; `of`: the list that it belongs to."""
    body = json.dumps(place, separators=(",", ":"), sort_keys=True, ensure_ascii=False).encode()
    return _text(_sign(body, of, key) + body)


def decode(cursor: str, *, of: str, key: str) -> dict[str, Any]:
    """Raises BadCursor."""
    try:
        raw = base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4))
    except (binascii.Error, ValueError) as error:
        raise InvalidCursor from error
    if cursor != _text(raw):  # the decoder passes over what it does not know
        raise InvalidCursor
    signature, body = raw[:_SIGNATURE_BYTES], raw[_SIGNATURE_BYTES:]
    if not hmac.compare_digest(signature, _sign(body, of, key)):
        raise InvalidCursor
    place: dict[str, Any] = json.loads(body)
    return place


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _sign(body: bytes, of: str, key: str) -> bytes:
    message = hashlib.sha256(of.encode()).digest() + body
    return hmac.digest(key.encode(), message, "sha256")[:_SIGNATURE_BYTES]
