"""Entity tags as clients send them back (RFC 9110, section 13.1.2)."""

import re

_TAG = re.compile(r'(?:W/)?("[\x21\x23-\x7e\x80-\xff]*")')


def matches(if_none_match: str, etag: str) -> bool:
    """Whether the client has what `etag` names: `*`, or a list with it. Weak tags (`W/"…"`) count like strong ones."""
    return if_none_match.strip() == "*" or etag.removeprefix("W/") in _TAG.findall(if_none_match)
