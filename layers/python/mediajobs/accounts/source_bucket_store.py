"""The S3 buckets and prefixes that sources of an account may come from, in the account's item of the Counters table.

They are the account's, not everybody's: the service may read all buckets of SOURCE_BUCKETS, and would otherwise read
them for anybody who names them. SOURCE_BUCKETS stays the outer bound.
"""

from collections.abc import Collection

from pynamodb.exceptions import DoesNotExist

from mediajobs.accounts import source_buckets
from mediajobs.accounts.source_buckets import MAX_ENTRIES, InvalidLocation, S3Object
from mediajobs.aws.conditional_writes import retry_conflicts
from mediajobs.errors import Conflict
from mediajobs.jobs import concurrency_store
from mediajobs.jobs.tables import CounterRow
from mediajobs.settings import setting

_SHOWN = 10


class RefusedSource(ValueError):
    """The account may not use this object as a source. The message says what to do."""


def read(account: str) -> frozenset[str]:
    """Returns the account's entries in one call. Empty by default."""
    name = concurrency_store.item_of(account).name
    try:
        row = CounterRow.get(name, consistent_read=True, attributes_to_get=["source_buckets"])
    except DoesNotExist:
        return frozenset()
    return frozenset(row.source_buckets or ())


def check(account: str, url: str) -> S3Object:
    """Returns the object of an `s3://` URL. Raises RefusedSource unless the account may use it."""
    try:
        source = source_buckets.parse_url(url)
    except InvalidLocation as error:
        raise RefusedSource(f"This s3:// URL cannot be used. {error}") from error
    entries = read(account)
    # The media bucket holds the sources of every account.
    readable = source.bucket in _readable_buckets() and source.bucket != setting("MEDIA_BUCKET")
    if not readable or not source_buckets.is_allowed(source, entries):
        raise RefusedSource(
            f"This account may not read this object of the bucket {source.bucket!r}; it may read {_listed(entries)}. "
            "Ask the operator to allow it (mediajobs source-buckets), or upload the file."
        )
    return source


def change(account: str, *, allow: Collection[str] = (), forbid: Collection[str] = ()) -> None:
    """Adds and removes entries. Raises InvalidLocation, and Conflict where the account would have too many."""
    added, removed = ({source_buckets.parse_entry(text) for text in texts} for texts in (allow, forbid))
    if len(read(account) - removed | added) > MAX_ENTRIES:
        raise Conflict(f"An account has at most {MAX_ENTRIES} entries. Allow a folder above several of them.")
    item = concurrency_store.item_of(account)
    if removed:
        retry_conflicts(lambda: item.update([CounterRow.source_buckets.delete(removed)]))
    if added:
        retry_conflicts(lambda: item.update([CounterRow.source_buckets.add(added)]))


def _readable_buckets() -> frozenset[str]:
    return frozenset(name.strip() for name in setting("SOURCE_BUCKETS", "").split(","))


def _listed(entries: Collection[str]) -> str:
    if not entries:
        return "no bucket"
    shown = ", ".join(sorted(entries)[:_SHOWN])
    return f"{shown} and others" if len(entries) > _SHOWN else shown
