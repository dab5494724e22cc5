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
from pynamodb.connection import Connection
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection
from pynamodb.models import Model

from mediajobs.stores.environment import FromEnvironment

JOB, PROGRESS = "job", "progress"


@cache
def connection() -> Connection:
    """For transactions. One for all of them: making its client takes longer than using it."""
    return Connection()


class WaitingIndex(GlobalSecondaryIndex["JobRow"]):
    """The waiting jobs of an account, the next one first."""

    class Meta:
        index_name = "waiting"
        projection = KeysOnlyProjection()

    queue = UnicodeAttribute(hash_key=True)
    queue_rank = UnicodeAttribute(range_key=True)


class JobRow(Model):
    """Jobs table, item `job`. `queue` and `queue_rank` are there only while the job waits: they make a sparse index."""

    class Meta:
        table_name = FromEnvironment("JOBS_TABLE")

    job_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=JOB)
    account = UnicodeAttribute()
    status = UnicodeAttribute()
    version = NumberAttribute()
    attempt = NumberAttribute()
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


class ProgressRow(Model):
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


class KeyRow(Model):
    """ApiKeys table."""

    class Meta:
        table_name = FromEnvironment("KEYS_TABLE")

    key_id = UnicodeAttribute(hash_key=True)
    account = UnicodeAttribute()
    secret_sha256 = UnicodeAttribute()
    created_at = UnicodeAttribute()
    revoked_at = UnicodeAttribute(null=True)
    requests_per_minute = NumberAttribute()


class CounterRow(Model):
    """Counters table: `system` and `account#NAME` hold the ids of the running jobs; `waiting` the accounts that may
    have a job to admit; `rates` what finished jobs taught."""

    class Meta:
        table_name = FromEnvironment("COUNTERS_TABLE")

    name = UnicodeAttribute(hash_key=True)
    running = UnicodeSetAttribute(null=True)
    accounts = UnicodeSetAttribute(null=True)
    rates = JSONAttribute(null=True)
    version = NumberAttribute(null=True)
