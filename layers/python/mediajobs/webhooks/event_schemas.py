"""What webhooks are sent, as documents: for the description of the API. `webhooks.payload` makes them."""

from typing import Literal

from pydantic import ConfigDict, Field

from mediajobs.base_model import LazyModel
from mediajobs.media.rendition_fields import with_renditions


class _EventModel(LazyModel):
    model_config = ConfigDict(extra="forbid", populate_by_name=True, serialize_by_alias=True)


class TranscriptPaths(_EventModel):
    txt: str | None
    srt: str | None
    vtt: str | None
    as_json: str | None = Field(alias="json")


class OutputPaths(with_renditions(_EventModel, str | None)):  # type: ignore[misc]
    """Paths below this API's root; null for what was not made."""

    audio: str | None
    thumbnail: str | None
    transcription: TranscriptPaths | None


class JobEventData(_EventModel):
    """`progress` is of the whole job, in percent; null where it is not known any more."""

    filename: str
    duration_seconds: float | None
    progress: int | None


class CompletedJobData(JobEventData):
    outputs: OutputPaths


class FailedJobData(JobEventData):
    error: str | None
    error_code: str | None


class JobCompleted(_EventModel):
    event: Literal["job.completed"]
    job_id: str
    status: Literal["completed"]
    timestamp: str
    data: CompletedJobData


class JobFailed(_EventModel):
    event: Literal["job.failed"]
    job_id: str
    status: Literal["failed"]
    timestamp: str
    data: FailedJobData


class JobCancelled(_EventModel):
    event: Literal["job.cancelled"]
    job_id: str
    status: Literal["cancelled"]
    timestamp: str
    data: JobEventData


class JobProgress(_EventModel):
    event: Literal["job.progress"]
    job_id: str
    status: Literal["processing", "transcoding", "uploading"]
    timestamp: str
    data: JobEventData


EVENT_MODELS: dict[str, type[LazyModel]] = {
    "job.completed": JobCompleted,
    "job.failed": JobFailed,
    "job.cancelled": JobCancelled,
    "job.progress": JobProgress,
}
