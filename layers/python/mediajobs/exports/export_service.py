"""Exports: read page after page, and written into the bucket in parts, by whoever holds the export just then.

One that takes longer than a request may is kept in a table and handed to the queue of chores. Whoever goes on with it
holds it for a while, so a second copy of its message does nothing.
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

PART = 5 << 20  # bytes; S3 takes no smaller one, but for the last
_PAGE = 1000  # jobs
HasTime = Callable[[], bool]


class Run(NamedTuple):
    """How far an export has come; `rest`: the bytes that are in no part yet."""

    export: Export
    tail: bytes


@dataclass(frozen=True)
class ExportResult:
    """What became of an export within a request: a short one is `body`, a long one lies at `url`, and one that both
    are None of goes on in the background."""

    export: Export
    body: str | None = None
    url: str | None = None


def start(account: str, request: ExportJobs, in_time: HasTime) -> ExportResult:
    """Makes an export. What `in_time()` leaves no time for is handed to the background queue."""
    run = advance(new(account, request), in_time)
    if not run.export.ended:
        enqueue(run)
        return ExportResult(run.export)
    if not run.export.parts and fits(body := run.tail.decode()):
        return ExportResult(run.export, body=body)
    return ExportResult(run.export, url=finish(run))


def new(account: str, wanted: ExportJobs) -> Run:
    return Run(
        Export(export_id=str(ULID()), account=account, request=wanted), exports_export.format_header(wanted.format)
    )


def advance(run: Run, in_time: HasTime, keep: Callable[[Export], None] = lambda _: None) -> Run:
    """Reads on to the end, or for a page and as many more as `in_time()` allows. `keep` is called after each part."""
    export, rest = run.export, bytearray(run.tail)
    going = not export.ended
    while going:
        wanted = export.request
        page = page_query.page(
            export.account,
            wanted.filters,
            sort_by=wanted.sort_by,
            descending=wanted.sort_order == "desc",
            limit=_PAGE,
            place=export.position,
        )
        rest += exports_export.format_rows(
            export.format, page_query.documents(export.account, page.rows), first=not export.rows
        )
        rest += exports_export.format_footer(export.format) if page.next_position is None else b""
        export = export.model_copy(
            update={
                "position": page.next_position,
                "rows": export.rows + len(page.rows),
                "ended": page.next_position is None,
            }
        )
        if len(rest) >= PART:
            export = _with_part(export, bytes(rest))
            rest.clear()
            keep(export)
        going = not export.ended and in_time()
    return Run(export, bytes(rest))


def finish(run: Run) -> str:
    """Makes the file of an export that has ended appear, whole, and gives its presigned URL."""
    objects, export = MediaBucket.from_environment(), run.export
    if not export.parts:
        kind = CONTENT_TYPES[export.format]
        objects.client.put_object(Bucket=objects.name, Key=export.key, Body=run.tail, ContentType=kind)
        return url(export)
    if run.tail:
        export = _with_part(export, run.tail)
    parts: Any = {"Parts": list(export.parts)}
    objects.client.complete_multipart_upload(
        Bucket=objects.name, Key=export.key, UploadId=export.upload_id or "", MultipartUpload=parts
    )
    return url(export)


def url(export: Export) -> str:
    return MediaBucket.from_environment().presigned_get(export.key, filename=export.filename)


def abandon(export: Export) -> None:
    """Forgets the parts. An upload that is joined or gone is none to forget."""
    if export.upload_id is None:
        return
    objects = MediaBucket.from_environment()
    try:
        objects.client.abort_multipart_upload(Bucket=objects.name, Key=export.key, UploadId=export.upload_id)
    except ClientError as error:
        if not _is_gone(error):
            raise


def enqueue(run: Run) -> None:
    """Keeps an export that began in a request, and has the chores go on with it."""
    export = _set_down(run)
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


def resume(export_id: str, in_time: HasTime, seconds: int) -> State | None:
    """Goes on with an export that was handed over, for at most `seconds`, and hands it over again if that is too few.

    Gives its state; None where there is none (any more). Raises LockedElsewhere.
    """
    held = export_store.lock(export_id, seconds)
    if held is None:
        row = export_store.read(export_id)
        return None if row is None else export_store.state_of(row)
    row, holder = held
    export = Export.model_validate(row.export)
    try:
        run = advance(_picked_up(export), in_time, lambda kept: export_store.save(kept, holder))
        if run.export.ended:
            finish(run)
    except ClientError as error:
        if not _is_gone(error) or MediaBucket.from_environment().size(export.key) is None:
            raise
        run = Run(export.model_copy(update={"ended": True}), b"")  # it was joined by a run that could not say so
    if run.export.ended:
        export_store.finish(run.export, holder, "ready")
        return "ready"
    export_store.save(_set_down(run), holder, release=True)
    background_queue.enqueue_export(export_id)
    return "running"


def mark_failed(export_id: str) -> None:
    """Says that an export failed, and forgets what was made of it."""
    held = export_store.lock(export_id, seconds=60, from_anybody=True)
    if held is not None:
        export = Export.model_validate(held[0].export)
        abandon(export)
        export_store.finish(export, held[1], "failed")


def _with_part(export: Export, body: bytes) -> Export:
    """Uploads the next part. The same number again takes the place of what a run that broke off left there."""
    objects = MediaBucket.from_environment()
    if export.upload_id is None:
        begun = objects.client.create_multipart_upload(
            Bucket=objects.name, Key=export.key, ContentType=CONTENT_TYPES[export.format]
        )
        export = export.model_copy(update={"upload_id": begun["UploadId"]})
    number = len(export.parts) + 1
    answer: Any = objects.client.upload_part(
        Bucket=objects.name, Key=export.key, UploadId=export.upload_id or "", PartNumber=number, Body=body
    )
    part = {"PartNumber": number} | {name: answer[name] for name in ("ETag", "ChecksumCRC32") if name in answer}
    return export.model_copy(update={"parts": (*export.parts, part), "tail_key": None})


def _set_down(run: Run) -> Export:
    """Puts the bytes that are in no part yet beside the file, under a name that no other set of bytes has."""
    export, objects = run.export, MediaBucket.from_environment()
    key = f"{export.key}.rest-{len(export.parts)}-{export.rows}"
    objects.client.put_object(Bucket=objects.name, Key=key, Body=run.tail)
    return export.model_copy(update={"tail_key": key})


def _picked_up(export: Export) -> Run:
    if export.tail_key is None:
        return Run(export, b"")
    objects = MediaBucket.from_environment()
    return Run(export, objects.client.get_object(Bucket=objects.name, Key=export.tail_key)["Body"].read())


def _is_gone(error: ClientError) -> bool:
    return error.response["Error"]["Code"] == "NoSuchUpload"
