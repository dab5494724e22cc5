"""Exports are read page by page and written to the bucket in parts.

One that takes longer than a request may is stored in a table and handed to the background queue. The function that
resumes it holds a lease on it, so a second copy of its message does nothing.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from botocore.exceptions import ClientError
from ulid import ULID

from mediajobs import clock
from mediajobs.aws import background_queue
from mediajobs.exports import export as exports_export
from mediajobs.exports import export_store
from mediajobs.exports.export import CONTENT_TYPES, Export, ExportJobs, fits
from mediajobs.exports.export_store import RETENTION_SECONDS, ExportRow, State
from mediajobs.listing import page_query
from mediajobs.storage.bucket_store import MediaBucket

PART = 5 << 20  # bytes; S3 accepts a smaller part only as the last one
_PAGE = 1000  # jobs
HasTime = Callable[[], bool]


class Run(NamedTuple):
    """The state of an export, and in `tail` the bytes that are in no part yet."""

    export: Export
    tail: bytes


@dataclass(frozen=True)
class ExportResult:
    """The result of an export within a request: `body` of a small file, or `url` of a larger one. Both are None where
    the export continues in the background."""

    export: Export
    body: str | None = None
    url: str | None = None


def start(account: str, request: ExportJobs, has_time: HasTime) -> ExportResult:
    """Makes an export. What `has_time()` leaves no time for is handed to the background queue."""
    run = advance(new(account, request), has_time)
    if not run.export.ended:
        enqueue(run)
        return ExportResult(run.export)
    if not run.export.parts and fits(body := run.tail.decode()):
        return ExportResult(run.export, body=body)
    return ExportResult(run.export, url=finish(run))


def new(account: str, request: ExportJobs) -> Run:
    return Run(
        Export(export_id=str(ULID()), account=account, request=request), exports_export.format_header(request.format)
    )


def advance(run: Run, has_time: HasTime, save: Callable[[Export], None] = lambda _: None) -> Run:
    """Reads to the end, or one page and as many more as `has_time()` allows. `save` is called after each part."""
    export, tail = run.export, bytearray(run.tail)
    going = not export.ended
    while going:
        request = export.request
        page = page_query.page(
            export.account,
            request.filters,
            sort_by=request.sort_by,
            descending=request.sort_order == "desc",
            limit=_PAGE,
            position=export.position,
        )
        tail += exports_export.format_rows(
            export.format, page_query.documents(export.account, page.rows), first=not export.rows
        )
        tail += exports_export.format_footer(export.format) if page.next_position is None else b""
        export = export.model_copy(
            update={
                "position": page.next_position,
                "rows": export.rows + len(page.rows),
                "ended": page.next_position is None,
            }
        )
        if len(tail) >= PART:
            export = _with_part(export, bytes(tail))
            tail.clear()
            save(export)
        going = not export.ended and has_time()
    return Run(export, bytes(tail))


def finish(run: Run) -> str:
    """Completes the file of an export that was read to the end. Returns its presigned URL."""
    objects, export = MediaBucket.from_environment(), run.export
    if not export.parts:
        content_type = CONTENT_TYPES[export.format]
        objects.client.put_object(Bucket=objects.name, Key=export.key, Body=run.tail, ContentType=content_type)
        return url(export)
    if run.tail:
        export = _with_part(export, run.tail)
    parts: Any = {"Parts": list(export.parts)}
    objects.client.complete_multipart_upload(
        Bucket=objects.name, Key=export.key, UploadId=export.upload_id or "", MultipartUpload=parts
    )
    return url(export)


def url(export: Export) -> str:
    return MediaBucket.from_environment().presigned_download(export.key, export.filename, CONTENT_TYPES[export.format])


def abandon(export: Export) -> None:
    """Aborts the multipart upload. Does nothing where it was completed or aborted before."""
    if export.upload_id is None:
        return
    objects = MediaBucket.from_environment()
    try:
        objects.client.abort_multipart_upload(Bucket=objects.name, Key=export.key, UploadId=export.upload_id)
    except ClientError as error:
        if not _is_gone(error):
            raise


def enqueue(run: Run) -> None:
    """Stores an export that began in a request, and hands it to the background queue."""
    export = _store_tail(run)
    ExportRow(
        export.export_id,
        account=export.account,
        status="running",
        export=export.model_dump(mode="json"),
        held_until=0,
        heard_at=clock.seconds(),
        expires=clock.seconds() + RETENTION_SECONDS,
    ).save()
    background_queue.enqueue_export(export.export_id)


def resume(export_id: str, has_time: HasTime, seconds: int) -> State | None:
    """Resumes an enqueued export under a lease of `seconds`. Enqueues it again if `has_time` does not suffice.

    Returns its state; None where it does not exist (any more). Raises LockedElsewhere.
    """
    held = export_store.lock(export_id, seconds)
    if held is None:
        row = export_store.read(export_id)
        return None if row is None else export_store.state_of(row)
    row, holder = held
    export = Export.model_validate(row.export)
    try:
        run = advance(_load_tail(export), has_time, lambda export: export_store.save(export, holder))
        if run.export.ended:
            finish(run)
    except ClientError as error:
        if not _is_gone(error) or MediaBucket.from_environment().size(export.key) is None:
            raise
        # An earlier run completed the file and died before it noted that.
        run = Run(export.model_copy(update={"ended": True}), b"")
    if run.export.ended:
        export_store.finish(run.export, holder, "ready")
        return "ready"
    export_store.save(_store_tail(run), holder, release=True)
    background_queue.enqueue_export(export_id)
    return "running"


def mark_failed(export_id: str) -> None:
    """Marks an export as failed, and aborts its upload."""
    held = export_store.lock(export_id, seconds=60, from_anybody=True)
    if held is not None:
        export = Export.model_validate(held[0].export)
        abandon(export)
        export_store.finish(export, held[1], "failed")


def _with_part(export: Export, body: bytes) -> Export:
    """Uploads the next part. It replaces a part of the same number that an interrupted run left."""
    objects = MediaBucket.from_environment()
    if export.upload_id is None:
        created = objects.client.create_multipart_upload(
            Bucket=objects.name, Key=export.key, ContentType=CONTENT_TYPES[export.format]
        )
        export = export.model_copy(update={"upload_id": created["UploadId"]})
    number = len(export.parts) + 1
    answer: Any = objects.client.upload_part(
        Bucket=objects.name, Key=export.key, UploadId=export.upload_id or "", PartNumber=number, Body=body
    )
    part = {"PartNumber": number} | {name: answer[name] for name in ("ETag", "ChecksumCRC32") if name in answer}
    return export.model_copy(update={"parts": (*export.parts, part), "tail_key": None})


def _store_tail(run: Run) -> Export:
    """Stores the bytes that are in no part yet beside the file, under a key that is used for no other bytes."""
    export, objects = run.export, MediaBucket.from_environment()
    key = f"{export.key}.rest-{len(export.parts)}-{export.rows}"
    objects.client.put_object(Bucket=objects.name, Key=key, Body=run.tail)
    return export.model_copy(update={"tail_key": key})


def _load_tail(export: Export) -> Run:
    if export.tail_key is None:
        return Run(export, b"")
    objects = MediaBucket.from_environment()
    return Run(export, objects.client.get_object(Bucket=objects.name, Key=export.tail_key)["Body"].read())


def _is_gone(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "NoSuchUpload"
