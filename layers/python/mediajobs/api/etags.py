"""Entity tags as clients send them back (RFC 9110, section 13.1.2)."""

import hashlib
import re

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def of(body: str) -> str:
    """Returns the strong entity tag of a body: the first 128 bits of its SHA-256, quoted."""
    return f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'


def matches(if_none_match: str, etag: str) -> bool:
    """Returns whether the header is `*` or lists `etag`. Weak tags (`W/"…"`) match like strong ones."""
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in _TAG.findall(if_none_match)
