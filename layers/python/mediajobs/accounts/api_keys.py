"""API keys as text: `mj_<key_id>_<secret>`, the secret ending in a checksum."""

import hashlib
import hmac
import re
import zlib

_KEY = re.compile(r"mj_([0-9A-Za-z]{12})_([0-9A-Za-z]{38})")
_ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def assemble_key(key_id: str, random: str) -> str:
    """Returns the whole key, from 12 and 32 characters of [0-9A-Za-z]."""
    return f"mj_{key_id}_{random}{_checksum(key_id + random)}"


def split_key(key: str) -> tuple[str, str] | None:
    """Returns (key id, secret), or None where the format or the checksum is wrong, so a typo costs no database read."""
    match = _KEY.fullmatch(key)
    if match is None:
        return None
    key_id, secret = match.groups()
    if not hmac.compare_digest(secret[-6:], _checksum(key_id + secret[:-6])):
        return None
    return key_id, secret


def hash_secret(secret: str) -> str:
    """Returns the SHA-256 in hex. The secret has 190 random bits, so a slow hash would add no safety."""
    return hashlib.sha256(secret.encode()).hexdigest()


def _checksum(text: str) -> str:
    number = zlib.crc32(text.encode())
    digits = []
    for _ in range(6):
        number, rest = divmod(number, 62)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))
