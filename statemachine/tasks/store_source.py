"""The task store_source: stores the whole source in the media bucket, and computes its SHA-256 and size."""

import hashlib
import os
from typing import Any

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from mediajobs.accounts import source_bucket_store
from mediajobs.accounts.source_bucket_store import RefusedSource
from mediajobs.errors import JobError
from mediajobs.jobs.schemas import MAX_SOURCE_BYTES
from mediajobs.storage.object_keys import source_key
from mediajobs.storage.streaming_upload_client import StoredObject
from statemachine.tasks.context import TaskContext
from statemachine.tasks.source_download import download

_TASK = "store_source"
_COPY_CONFIG = TransferConfig(
    multipart_threshold=1 << 30, multipart_chunksize=256 << 20
)  # bytes; S3 copies up to 5 GB at once
_WITHOUT_TAGS = {"TaggingDirective": "REPLACE"}  # tags would need rights of their own, to read and to write them
_NOT_FOUND_CODES = frozenset({"404", "403", "NoSuchKey", "NoSuchBucket", "AccessDenied", "NotFound", "Forbidden"})


def store(context: TaskContext) -> StoredObject:
    """Downloads or copies the source where that is asked for and not done yet. Returns its key, size and SHA-256.

    An object at the key is complete, because S3 shows none before its upload has ended. So the object that an earlier
    attempt stored is used again. Raises JobError with the codes of `source_download.download`,
    and source_size_mismatch where it has another size than announced, and Stopped.
    """
    key = source_key(context.job_id)
    url = context.source_url
    if url is None or context.bucket.size(key) is not None:
        stored = _hash_stored(context, key)
    elif url.startswith("s3://"):
        _copy_from_s3(context, url, key)
        stored = _hash_stored(context, key)
    else:
        stored = _download(context, url, key)
    context.reporter.finish(_TASK)
    return stored


def _hash_stored(context: TaskContext, key: str) -> StoredObject:
    size = context.bucket.size(key)
    if size is None:
        raise JobError("source_not_found", "Nothing was uploaded for this job. Upload the file to its URL.", task=_TASK)
    _check_size(context, size)
    digest, read_bytes = hashlib.sha256(), 0
    for chunk in context.bucket.read_chunks(key):
        digest.update(chunk)
        read_bytes += len(chunk)
        context.reporter.update(store_source=100 * read_bytes / size)
    return StoredObject(key, read_bytes, digest.hexdigest())


def _download(context: TaskContext, url: str, key: str) -> StoredObject:
    context.bucket.abort_uploads(key)
    upload = context.bucket.streaming_upload(key, "application/octet-stream")
    size = 0

    def write(chunk: bytes) -> None:
        nonlocal size
        size += len(chunk)
        upload.write(chunk)

    try:
        download(
            url,
            write,
            max_bytes=_max_bytes(context),
            on_progress=lambda percent: context.reporter.update(store_source=percent),
        )
        _check_size(context, size)
        return upload.close()
    except BaseException:  # also Stopped and a kill: S3 charges for incomplete uploads
        upload.abort()
        raise


def _copy_from_s3(context: TaskContext, url: str, key: str) -> None:
    """S3 copies the object itself: the bytes do not pass through this process."""
    try:
        source = source_bucket_store.check(context.account, url)  # again: it may have changed since the job was created
    except RefusedSource as error:
        raise JobError("source_forbidden_address", str(error), task=_TASK) from error
    client = context.bucket.client
    try:
        _check_size(context, client.head_object(Bucket=source.bucket, Key=source.key)["ContentLength"])
        origin: Any = {"Bucket": source.bucket, "Key": source.key}
        client.copy(origin, context.bucket.name, key, ExtraArgs=_WITHOUT_TAGS, Config=_COPY_CONFIG)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _NOT_FOUND_CODES:
            raise
        raise JobError(
            "source_not_found",
            f"There is no object at {url}, or the service may not read it. Check the key and the bucket's policy.",
            task=_TASK,
        ) from error


def _check_size(context: TaskContext, size: int) -> None:
    limit, announced = _max_bytes(context), context.announced_bytes
    if size > limit:
        raise JobError("source_too_large", f"The source has {size} bytes; at most {limit} are taken.", task=_TASK)
    if announced is not None and size != announced:
        message = f"The source has {size} bytes, and {announced} were announced. Create the job with its true size."
        raise JobError("source_size_mismatch", message, task=_TASK)


def _max_bytes(context: TaskContext) -> int:
    limit = int(os.environ.get("MAX_SOURCE_BYTES", MAX_SOURCE_BYTES))
    return limit if context.announced_bytes is None else min(limit, context.announced_bytes)
