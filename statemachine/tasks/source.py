"""The task store_source: the source lies whole in our bucket, and its SHA-256 and size are known."""

import hashlib
import os

from boto3.s3.transfer import TransferConfig
from botocore.exceptions import ClientError

from mediajobs.errors import JobError
from mediajobs.jobs.schemas import LARGEST_SOURCE
from mediajobs.storage.object_keys import source_key
from mediajobs.storage.streaming_upload_client import Stored
from statemachine.tasks.context import Context
from statemachine.tasks.fetch import fetch

_TASK = "store_source"
_COPY = TransferConfig(
    multipart_threshold=1 << 30, multipart_chunksize=256 << 20
)  # bytes; S3 copies up to 5 GB at once
_MISSING = frozenset({"404", "403", "NoSuchKey", "NoSuchBucket", "AccessDenied", "NotFound", "Forbidden"})


def store(context: Context) -> Stored:
    """Fetches the source if it is to be fetched and is not there yet. Raises JobError (the names of `fetch`), Stopped.

    An object at the key is whole, as S3 shows none before its upload is complete: an earlier attempt's is used again.
    """
    key = source_key(context.job_id)
    url = context.source_url
    if url is None or context.objects.size(key) is not None:
        stored = _hashed(context, key)
    elif url.startswith("s3://"):
        _copy_from_s3(context, url, key)
        stored = _hashed(context, key)
    else:
        stored = _fetched(context, url, key)
    context.reporter.finish(_TASK)
    return stored


def _hashed(context: Context, key: str) -> Stored:
    size = context.objects.size(key)
    if size is None:
        raise JobError("source_not_found", "Nothing was uploaded for this job. Upload the file to its URL.", task=_TASK)
    _check_size(size)
    digest, done = hashlib.sha256(), 0
    for chunk in context.objects.read_chunks(key):
        digest.update(chunk)
        done += len(chunk)
        context.reporter.update(store_source=100 * done / size)
    return Stored(key, done, digest.hexdigest())


def _fetched(context: Context, url: str, key: str) -> Stored:
    context.objects.abort_uploads(key)
    sink = context.objects.streaming_upload(key, "application/octet-stream")
    try:
        fetch(
            url,
            sink.write,
            max_bytes=_max_bytes(),
            on_progress=lambda percent: context.reporter.update(store_source=percent),
        )
        return sink.close()
    except BaseException:  # Stopped and a kill included: no half-made upload is paid for
        sink.abort()
        raise


def _copy_from_s3(context: Context, url: str, key: str) -> None:
    """S3 copies by itself: no byte comes through here."""
    bucket, _, source = url.removeprefix("s3://").partition("/")
    # Our own bucket has everybody's sources.
    if bucket == context.objects.bucket or bucket not in _allowed_buckets():
        raise JobError(
            "source_forbidden_address",
            f"The bucket {bucket!r} is not among those that sources are taken from (SOURCE_BUCKETS).",
            task=_TASK,
        )
    client = context.objects.client
    try:
        _check_size(client.head_object(Bucket=bucket, Key=source)["ContentLength"])
        client.copy({"Bucket": bucket, "Key": source}, context.objects.bucket, key, Config=_COPY)
    except ClientError as error:
        if error.response["Error"]["Code"] not in _MISSING:
            raise
        raise JobError(
            "source_not_found",
            f"There is no object at {url}, or the service may not read it. Check the key and the bucket's policy.",
            task=_TASK,
        ) from error


def _allowed_buckets() -> list[str]:
    return [name.strip() for name in os.environ.get("SOURCE_BUCKETS", "").split(",") if name.strip()]


def _check_size(size: int) -> None:
    if size > _max_bytes():
        message = f"The source has {size} bytes; at most {_max_bytes()} are taken."
        raise JobError("source_too_large", message, task=_TASK)


def _max_bytes() -> int:
    return int(os.environ.get("MAX_SOURCE_BYTES", LARGEST_SOURCE))
