"""Which objects in S3 an account may name as sources: those of its entries, each a `bucket` or a `bucket/prefix`.

A key is taken literally, as S3 does: nothing in it is decoded or resolved. A key that some software might resolve to
another one is refused.
"""

import re
from collections.abc import Collection
from dataclasses import dataclass
from urllib.parse import unquote

MAX_ENTRIES = 100  # of an account
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_MAX_KEY_BYTES = 1024
_AMBIGUOUS_SEGMENTS = frozenset({"", ".", ".."})


class InvalidLocation(ValueError):
    """Text that names no object, or no entry. The message says what to write instead."""


@dataclass(frozen=True)
class S3Object:
    bucket: str
    key: str


def parse_url(url: str) -> S3Object:
    """Parses `s3://bucket/key`. Raises InvalidLocation."""
    scheme, separator, location = url.partition("://")
    bucket, slash, key = location.partition("/")
    if scheme != "s3" or not separator or not slash or not _BUCKET.fullmatch(bucket) or not key:
        raise InvalidLocation("Write s3://bucket/key.")
    _check_path(key)
    return S3Object(bucket, key)


def parse_entry(text: str) -> str:
    """Returns an entry in the one form that is stored, without a final slash. Raises InvalidLocation."""
    bucket, _, prefix = text.removesuffix("/").partition("/")
    if not _BUCKET.fullmatch(bucket):
        raise InvalidLocation("Write bucket or bucket/prefix, without s3:// and without wildcards.")
    if not prefix:
        return bucket
    _check_path(prefix)
    return f"{bucket}/{prefix}"


def is_allowed(source: S3Object, entries: Collection[str]) -> bool:
    """Whether an entry is the object's bucket, the object itself, or a folder above it."""
    path = f"{source.bucket}/{source.key}"
    return any(path == entry or path.startswith(f"{entry}/") for entry in entries)


def _check_path(path: str) -> None:
    """Raises InvalidLocation for a path that is too long, or that might lead elsewhere once decoded or resolved."""
    if not path.isprintable() or len(path.encode()) > _MAX_KEY_BYTES:
        raise InvalidLocation(f"A key has at most {_MAX_KEY_BYTES} bytes, and no control characters.")
    decoded = unquote(unquote(path)).replace("\\", "/")
    if not _AMBIGUOUS_SEGMENTS.isdisjoint((*path.split("/"), *decoded.split("/"))):
        raise InvalidLocation("Write the key without `//`, `.` and `..` between slashes, also not percent-encoded.")
