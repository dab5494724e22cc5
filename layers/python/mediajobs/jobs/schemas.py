"""The requests that create a job, and the documents of a job that clients get."""

import json
from typing import Annotated, Any

from pydantic import ConfigDict, Field, field_validator

from mediajobs.api.request_types import WHOLE, BatchId, Body, Name, Priority
from mediajobs.api.size_limits import AtMost
from mediajobs.api.string_formats import Pattern
from mediajobs.base_model import LazyModel, omitted_when_none
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.progress import TaskStatus
from mediajobs.media.options import Options
from mediajobs.media.rendition_fields import with_renditions
from mediajobs.storage.upload_plan import MAX_PARTS, UploadedPart

_MAX_METADATA_BYTES = 16 * 1024
MAX_SOURCE_BYTES = 50 * 2**30
_SIZE = "In bytes. A source over 100 MB is uploaded in parts, for which its size must be known."
_SOURCE = "Where the service fetches the source itself: https, or s3 in a bucket that it may read."
_MEDIA_TYPE = Pattern(r"^[A-Za-z0-9_.+-]+/[A-Za-z0-9_.+-]+$", "write a media type, such as video/mp4")
_URL = Pattern(
    r"^(https?|s3)://[^\s/]+/\S*$",
    "write https://host/path or s3://bucket/key, without spaces (a space in it is %20)",
)


class CreateJob(Body):
    """`POST /jobs`. With `source_url` nothing is uploaded: the service fetches the source itself."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"filename": "talk.mp4", "size_bytes": 73_400_320, "content_type": "video/mp4", "priority": 8},
                {"filename": "talk.mp4", "source_url": "https://example.com/talk.mp4", "batch_id": "2026-11"},
            ]
        }
    )

    filename: Annotated[Name, Field(description="What downloads are called after.")]
    size_bytes: Annotated[int, Field(strict=True, ge=0, le=MAX_SOURCE_BYTES, description=_SIZE), WHOLE] | None = None
    content_type: Annotated[str, Field(max_length=127), _MEDIA_TYPE] | None = None
    source_url: Annotated[str, Field(max_length=2048, description=_SOURCE), _URL] | None = None
    priority: Priority = 5
    batch_id: BatchId | None = None
    user_metadata: (
        Annotated[dict[str, Any], Field(max_length=4096, description="Yours to keep; at most 16 KiB as JSON.")] | None
    ) = None
    options: Options = Options()

    @field_validator("user_metadata")
    @classmethod
    def _metadata_is_small(cls, value: dict[str, Any] | None) -> dict[str, Any] | None:
        try:
            written = json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
        except ValueError as error:
            raise ValueError("NaN and Infinity are no JSON; write null, or a string") from error
        if len(written) > _MAX_METADATA_BYTES:
            raise ValueError("it may have at most 16 KiB as JSON")
        return value


class CompleteUpload(Body):
    """`POST /jobs/{id}/upload/complete`: the parts, as S3 acknowledged them."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"parts": [{"part_number": 1, "etag": '"9b2cf535f27731c974343645a3985328"'}]}]}
    )

    parts: Annotated[list[UploadedPart], Field(min_length=1), AtMost(MAX_PARTS)]


class TaskDocument(LazyModel):
    status: TaskStatus
    progress: float
    note: str | None = None


class ProgressDocument(LazyModel):
    current_task: str | None
    current_task_progress: float | None
    overall_progress: int
    eta_seconds: int | None
    eta_range: tuple[int, int] | None
    tasks: dict[str, TaskDocument]
    queue_position: int | None


class SourceDocument(LazyModel):
    """Null is what is not known yet, or what the source does not have. `frame_rate` is that of its motion, in Hz.

    `languages` are those of its audio streams, as the container tags them. `rotation` is in degrees, clockwise;
    `resolution` is as shown, after it.
    """

    filename: str
    size_bytes: int | None
    duration_seconds: float | None
    resolution: str | None
    codec: str | None
    audio_codec: str | None
    frame_rate: float | None
    file_hash: str | None
    channels: int | None
    sample_rate: int | None
    languages: list[str] | None
    hdr: bool | None
    rotation: int | None
    interlaced: bool | None
    variable_frame_rate: bool | None


class FileDocument(LazyModel):
    """One output. `reason` says why it is not available."""

    available: bool
    size_bytes: int | None = None
    download_url: str | None = None
    reason: str | None = None


class RenditionDocument(FileDocument):
    """`compression_ratio` is the source's size over the rendition's, `width` and `height` are in pixels."""

    compression_ratio: float | None = None
    width: int | None = None
    height: int | None = None


class StoryboardDocument(LazyModel):
    """Small pictures of the whole video. `url` is a WebVTT that says which part of which picture shows which moment."""

    available: bool
    size_bytes: int | None = None
    url: str | None = None
    reason: str | None = None


class TranscriptionDocument(LazyModel):
    available: bool
    language: str | None = None
    word_count: int | None = None
    whisper_model: str | None = None
    formats: dict[str, str | None]
    reason: str | None = None


class PlaylistDocument(LazyModel):
    available: bool
    segments_count: int | None = None
    playlist_url: str | None = None
    reason: str | None = None


class CaptionsDocument(LazyModel):
    """`language` is BCP 47, `name` what a menu calls it."""

    language: str
    name: str
    playlist_url: str


class HlsDocument(with_renditions(LazyModel, PlaylistDocument)):  # type: ignore[misc]
    """`audio` is the sound alone. `captions` are in the master playlist, too."""

    audio: PlaylistDocument
    captions: list[CaptionsDocument]
    master_url: str | None


class OutputsDocument(with_renditions(LazyModel, RenditionDocument)):  # type: ignore[misc]
    audio: FileDocument
    thumbnail: FileDocument
    storyboard: StoryboardDocument
    transcription: TranscriptionDocument
    hls: HlsDocument


class ErrorDocument(LazyModel):
    message: str
    code: str
    failed_task: str | None
    retry_count: int


class WarningDocument(LazyModel):
    """Something odd about the source that did not stop the job."""

    code: str
    message: str


class EarlierAttemptError(LazyModel):
    message: str
    code: str
    failed_task: str | None


class EarlierAttemptDocument(LazyModel):
    """An attempt that was retried. `started_at` is null where it never left the queue."""

    attempt: int
    status: Status
    started_at: str | None
    completed_at: str | None
    error: EarlierAttemptError | None


class JobDocument(LazyModel):
    job_id: str
    status: Status
    priority: int
    batch_id: str | None
    attempt: int
    created_at: str
    updated_at: str
    completed_at: str | None
    progress: ProgressDocument
    source: SourceDocument
    outputs: OutputsDocument
    processing_time: dict[str, float | None]
    user_metadata: dict[str, Any] | None
    error: ErrorDocument | None
    warnings: list[WarningDocument]
    earlier_attempts: list[EarlierAttemptDocument]


class JobStatus(LazyModel):
    job_id: str
    status: Status


class JobBrief(JobStatus):
    """The short document of a job. `overall_progress` in percent."""

    priority: int
    filename: str
    created_at: str
    updated_at: str
    completed_at: str | None
    overall_progress: int


class UploadPart(LazyModel):
    """S3 takes exactly `size` bytes."""

    part_number: int
    url: str
    size: int


class Upload(LazyModel):
    """One PUT to `url` with all `headers`, or one to each part and then a POST to `complete_url`.

    `max_bytes`: the source has exactly so many bytes where its `size_bytes` was given, else at most so many.
    """

    method: str = "PUT"
    url: str | None = omitted_when_none()
    headers: dict[str, str] | None = omitted_when_none()
    parts: list[UploadPart] | None = omitted_when_none()
    complete_url: str | None = omitted_when_none()
    max_bytes: int
    expires_at: str


class CreatedJob(LazyModel):
    """`upload` is there unless the source is fetched."""

    job_id: str
    status: Status
    upload: Upload | None = omitted_when_none()
