"""The jobs table and the counters table as PynamoDB models, used by stores and queries alone.

The jobs table has up to three items for each job: `job` (JobRow), `progress` (ProgressRow), `deleted` (DeletedRow).
"""

from typing import Any

from pynamodb.attributes import (
    BooleanAttribute,
    JSONAttribute,
    MapAttribute,
    NumberAttribute,
    UnicodeAttribute,
    UnicodeSetAttribute,
)
from pynamodb.indexes import GlobalSecondaryIndex, KeysOnlyProjection

from mediajobs.aws.dynamodb import FromEnvironment, TableModel

JOB, PROGRESS, DELETED = "job", "progress", "deleted"


class WaitingIndex(GlobalSecondaryIndex["JobRow"]):
    """A sparse index of queues: an account's queued jobs, the next one first.

    Two more queues hold what becomes due at a time: `#pending` and `#deleted`, see `mediajobs.jobs.cleanup_store`.
    """

    class Meta:
        index_name = "waiting"
        projection = KeysOnlyProjection()

    queue = UnicodeAttribute(hash_key=True)
    queue_rank = UnicodeAttribute(range_key=True)


class JobRow(TableModel):
    """Jobs table, item `job`.

    `queue` and `queue_rank` are there only while the job waits, for its turn or for its upload.
    """

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
    warnings = JSONAttribute(null=True)
    error = JSONAttribute(null=True)
    queue = UnicodeAttribute(null=True)
    queue_rank = UnicodeAttribute(null=True)
    waiting = WaitingIndex()
    # What puts the row into the indexes of lists: see mediajobs.jobs.index_keys.
    updated_key = UnicodeAttribute(null=True)
    completed_key = UnicodeAttribute(null=True)
    priority_key = UnicodeAttribute(null=True)
    filename_key = UnicodeAttribute(null=True)
    duration_key = UnicodeAttribute(null=True)
    status_key = UnicodeAttribute(null=True)
    filename_lower = UnicodeAttribute(null=True)
    duration_seconds = NumberAttribute(null=True)
    batch = UnicodeAttribute(null=True)


class ProgressRow(TableModel):
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


class DeletedRow(TableModel):
    """Jobs table, item `deleted`: until `expires` (seconds since 1970) it says that a job was deleted with its files.

    While its files have to be deleted once more it has `queue` and `queue_rank`: the queue `#deleted`, by due time.
    """

    class Meta:
        table_name = FromEnvironment("JOBS_TABLE")

    job_id = UnicodeAttribute(hash_key=True)
    item = UnicodeAttribute(range_key=True, default=DELETED)
    queue = UnicodeAttribute(null=True)
    queue_rank = UnicodeAttribute(null=True)
    expires = NumberAttribute()


class CounterRow(TableModel):
    """Counters table.

    Items `system` and `account#NAME` hold the ids of the running jobs. An account's item also holds its quotas and,
    where it has a quota of concurrent jobs, the ids of its open jobs. Item `rates` holds what
    `mediajobs.jobs.processing_rate_store` learnt. Items `minutes#NAME#MONTH` hold what `mediajobs.jobs.minutes_store`
    counts. Items `waiting` and `workers` have no model here: see
    `mediajobs.jobs.waiting_account_store` and `mediajobs.health.worker_store`.
    """

    class Meta:
        table_name = FromEnvironment("COUNTERS_TABLE")

    name = UnicodeAttribute(hash_key=True)
    running = UnicodeSetAttribute(null=True)
    open = UnicodeSetAttribute(null=True)
    concurrent_jobs = NumberAttribute(null=True)
    minutes_per_month = NumberAttribute(null=True)
    stored_bytes = NumberAttribute(null=True)
    media_ms = NumberAttribute(null=True)
    transcoded_ms = NumberAttribute(null=True)
    transcribed_ms = NumberAttribute(null=True)
    source_buckets = UnicodeSetAttribute(null=True)
    rates = JSONAttribute(null=True)
    version = NumberAttribute(null=True)
