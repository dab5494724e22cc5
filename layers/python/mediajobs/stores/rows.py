"""The tables as models. Only the stores beside this module use them."""

from functools import cache
from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.connection import Connection, TableConnection
from pynamodb.indexes import GlobalSecondaryIndex, IncludeProjection, KeysOnlyProjection
from pynamodb.models import Model

from mediajobs.stores.environment import FromEnvironment
from mediajobs.stores.patience import DYNAMODB

JOB, PROGRESS, DELETED = "job", "progress", "deleted"


@cache
def connection() -> Connection:
    """One for all: making its client takes longer than using it."""
    return Connection(
        connect_timeout_seconds=DYNAMODB.connect,
        read_timeout_seconds=DYNAMODB.read,
        max_retry_attempts=DYNAMODB.tries - 1,
    )


class Row(Model):
    """A model that shares the one client; left alone, every model makes its own."""

    @classmethod
    def _get_connection(cls) -> TableConnection:
        found = super()._get_connection()
        found.connection._client = connection().client
        return found


class WaitingIndex(GlobalSecondaryIndex["JobRow"]):
    """The waiting jobs of an account, the next one first; and in queues of their own what is due at a moment."""

    class Meta:
        index_name = "waiting"
        projection = KeysOnlyProjection()

    queue = UnicodeAttribute(hash_key=True)
    queue_rank = UnicodeAttribute(range_key=True)


class JobRow(Row):
    """Jobs table, item `job`. `queue` and `queue_rank` are there only while the job waits, for its turn or for
    its upload (see mediajobs.stores.pending): they make a sparse index."""

    class Meta:
        table_name = FromEnvironment("JOBS_TABLE")

    job_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=JOB)
    account = UnicodeAttribute()
    status = UnicodeAttribute()
    version = NumberAttribute()
    attempt = NumberAttribute()
    base_attempt = NumberAttribute(null=True)
    earlier = JSONAttribute(null=True)
    priority = NumberAttribute()
    filename = UnicodeAttribute()
    content_type = UnicodeAttribute(null=True)
    size_bytes = NumberAttribute(null=True)
    source_url = UnicodeAttribute(null=True)
    upload_id = UnicodeAttribute(null=True)
    batch_id = UnicodeAttribute(null=True)
    user_metadata = JSONAttribute(null=True)
    options = JSONAttribute()
    created_at = UnicodeAttribute()
    updated_at = UnicodeAttribute()
    started_at = UnicodeAttribute(null=True)
    completed_at = UnicodeAttribute(null=True)
    source = JSONAttribute(null=True)
    outputs = JSONAttribute(null=True)
    transcription = JSONAttribute(null=True)
    processing_time = JSONAttribute(null=True)
    error = JSONAttribute(null=True)
    queue = UnicodeAttribute(null=True)
    queue_rank = UnicodeAttribute(null=True)
    waiting = WaitingIndex()
    # What puts the row into the indexes of lists: see mediajobs.listing.
    updated_key = UnicodeAttribute(null=True)
    completed_key = UnicodeAttribute(null=True)
    priority_key = UnicodeAttribute(null=True)
    filename_key = UnicodeAttribute(null=True)
    duration_key = UnicodeAttribute(null=True)
    status_key = UnicodeAttribute(null=True)
    filename_lower = UnicodeAttribute(null=True)
    duration_seconds = NumberAttribute(null=True)
    batch = UnicodeAttribute(null=True)


class ProgressRow(Row):
    """Jobs table, item `progress`: small, written often, in no index."""

    class Meta:
        table_name = FromEnvironment("JOBS_TABLE")

    job_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=PROGRESS)
    attempt = NumberAttribute()
    sequence = NumberAttribute()
    stopped = BooleanAttribute()
    updated_at = UnicodeAttribute()
    tasks: MapAttribute[str, Any] = MapAttribute()
    rates = JSONAttribute(null=True)
    failure = JSONAttribute(null=True)


class AccountIndex(GlobalSecondaryIndex["KeyRow"]):
    """The keys of an account, the oldest first. What changes with every request is not in it."""

    class Meta:
        index_name = "accounts"
        projection = IncludeProjection(["revoked_at", "requests_per_minute"])

    account = UnicodeAttribute(hash_key=True)
    created_at = UnicodeAttribute(range_key=True)


class DeletedRow(Row):
    """Jobs table, item `deleted`: tells until `expires` (seconds since 1970) that a job was deleted with its files.

    While they are to be looked for it lies in the index of waiting jobs, in a queue of its own, by the moment of that.
    """

    class Meta:
        table_name = FromEnvironment("JOBS_TABLE")

    job_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=DELETED)
    queue = UnicodeAttribute(null=True)
    queue_rank = UnicodeAttribute(null=True)
    expires = NumberAttribute()


class KeyRow(Row):
    """ApiKeys table. `window_used` requests were counted in the window that ends at `window_ends` (milliseconds); the
    counters of `day` are further attributes, see mediajobs.usage."""

    class Meta:
        table_name = FromEnvironment("KEYS_TABLE")

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


class CounterRow(Row):
    """Counters table: `system` and `account#NAME` hold the ids of the running jobs, an account's also its quotas and,
    where it has one for concurrent jobs, the ids of its open ones; `rates` what finished jobs taught; `waiting` and
    `workers` are others' (see mediajobs.stores.waiting and .workers)."""

    class Meta:
        table_name = FromEnvironment("COUNTERS_TABLE")

    name = UnicodeAttribute(hash_key=True)
    running = UnicodeSetAttribute(null=True)
    open = UnicodeSetAttribute(null=True)
    concurrent_jobs = NumberAttribute(null=True)
    minutes_per_month = NumberAttribute(null=True)
    stored_bytes = NumberAttribute(null=True)
    rates = JSONAttribute(null=True)
    version = NumberAttribute(null=True)


class ExportRow(Row):
    """Exports table: one that outlived its request. Times are in seconds since 1970; until `held_until` the run that
    `holder` names goes on with it, and nobody else."""

    class Meta:
        table_name = FromEnvironment("EXPORTS_TABLE")

    export_id = UnicodeAttribute(hash_key=True)
    account = UnicodeAttribute()
    status = UnicodeAttribute()
    export = JSONAttribute()
    holder = UnicodeAttribute(null=True)
    held_until = NumberAttribute()
    heard_at = NumberAttribute()
    expires = NumberAttribute()
