"""The documents that clients get."""

from typing import Any, Literal

from pydantic import ConfigDict, Field, RootModel

from mediajobs.lazy import LazyModel
from mediajobs.life import Status
from mediajobs.progress import TaskStatus


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
    filename: str
    size_bytes: int | None
    duration_seconds: float | None
    resolution: str | None
    codec: str | None
    audio_codec: str | None
    frame_rate: float | None
    file_hash: str | None


class FileDocument(LazyModel):
    """One output. `reason` says why it is not available."""

    available: bool
    size_bytes: int | None = None
    download_url: str | None = None
    reason: str | None = None


class RenditionDocument(FileDocument):
    """`compression_ratio` is the source's size over the rendition's."""

    compression_ratio: float | None = None


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


class HlsDocument(LazyModel):
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    p360: PlaylistDocument = Field(alias="360p")
    p720: PlaylistDocument = Field(alias="720p")
    master_url: str | None


class OutputsDocument(LazyModel):
    model_config = ConfigDict(populate_by_name=True, serialize_by_alias=True)

    p360: RenditionDocument = Field(alias="360p")
    p720: RenditionDocument = Field(alias="720p")
    audio: FileDocument
    thumbnail: FileDocument
    transcription: TranscriptionDocument
    hls: HlsDocument


class ErrorDocument(LazyModel):
    message: str
    code: str
    failed_task: str | None
    retry_count: int


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
    earlier_attempts: list[EarlierAttemptDocument]


class JobStatus(LazyModel):
    job_id: str
    status: Status


class CancelledJob(JobStatus):
    message: str


class RetriedJob(JobStatus):
    attempt: int


class PrioritisedJob(JobStatus):
    priority: int
    message: str


class DeletedJob(LazyModel):
    """`files_deleted` counts objects: the source, and everything that was made of it."""

    job_id: str
    deleted: bool = True
    files_deleted: int


class JobBrief(JobStatus):
    """A job in a few words. `overall_progress` in percent."""

    priority: int
    filename: str
    created_at: str
    updated_at: str
    completed_at: str | None
    overall_progress: int


class ListedJob(LazyModel):
    """A job in a list. `progress` is of the whole job, in percent."""

    job_id: str
    status: Status
    priority: int
    filename: str
    duration_seconds: float | None
    batch_id: str | None
    created_at: str
    updated_at: str
    completed_at: str | None
    progress: int


class JobList(LazyModel):
    """`total_relation`: `eq`, or `gte` where counting stopped before the end."""

    total: int
    total_relation: Literal["eq", "gte"]
    page: int
    per_page: int
    total_pages: int
    jobs: list[ListedJob]
    next_cursor: str | None


class Batch(LazyModel):
    """A batch. `overall_progress` is the mean over its jobs, where what failed or was cancelled has brought nothing.
    `eta_seconds` is until nothing of it waits or runs any more, if every upload came now; null where that cannot be
    told yet."""

    batch_id: str
    total: int
    status_breakdown: dict[Status, int]
    overall_progress: int
    eta_seconds: int | None
    eta_range: tuple[int, int] | None
    jobs: list[ListedJob]
    page: int
    per_page: int
    total_pages: int
    next_cursor: str | None


class ExportedJobs(RootModel[list[ListedJob]]):
    """What a list says in pages, in one."""


class RunningExport(LazyModel):
    """An export that takes a while. It is `running`; when it is ready, its address leads to the file."""

    export_id: str
    status: Literal["running"] = "running"


class RetriedJobs(LazyModel):
    """What a retry of many has done. `refused` counts those that `reasons` tells of; where it `continues`, the rest
    follows without another request."""

    matched: int
    retried: int
    refused: int
    reasons: dict[str, int]
    continues: bool


class MissingJob(LazyModel):
    job_id: str
    error: Literal["not_found", "forbidden"]


class BatchStatusDocument(LazyModel):
    """One entry for each id, in the order in which they were asked for."""

    jobs: list[JobBrief | MissingJob]


class UploadPart(LazyModel):
    part_number: int
    url: str
    size: int


def _left_out() -> Any:
    """A field that is not there, rather than null."""
    return Field(None, exclude_if=lambda value: value is None)


class Upload(LazyModel):
    """One PUT to `url`, or one to each part and then a POST to `complete_url`."""

    method: str = "PUT"
    url: str | None = _left_out()
    headers: dict[str, str] | None = _left_out()
    parts: list[UploadPart] | None = _left_out()
    complete_url: str | None = _left_out()
    expires_at: str


class CreatedJob(LazyModel):
    """`upload` is there unless the source is fetched."""

    job_id: str
    status: Status
    upload: Upload | None = _left_out()


class Home(LazyModel):
    service: str = "mediajobs"
    version: str
    health: str = "/health"
    jobs: str = "/jobs"


class Health(LazyModel):
    status: str = "healthy"


class ServiceHealth(LazyModel):
    """How one part of the service is. `workers`: how many live, where workers and not Batch run the tasks."""

    status: Literal["healthy", "warning", "degraded", "unhealthy"]
    latency_ms: float | None = _left_out()
    workers: int | None = _left_out()


class DiskHealth(ServiceHealth):
    """The fullest of the workers' disks; where there are no workers, the function's own."""

    total_gb: float | None = _left_out()
    used_gb: float | None = _left_out()
    free_gb: float | None = _left_out()
    free_percent: float | None = _left_out()


class ServicesHealth(LazyModel):
    dynamodb: ServiceHealth
    s3: ServiceHealth
    stepfunctions: ServiceHealth
    eventbridge: ServiceHealth
    compute: ServiceHealth
    webhooks: ServiceHealth
    disk: DiskHealth


class DetailedHealth(LazyModel):
    """`degraded` where a part does not work; else `warning` where one soon may not."""

    overall: Literal["healthy", "warning", "degraded"]
    services: ServicesHealth
