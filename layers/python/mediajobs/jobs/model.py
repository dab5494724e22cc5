"""The job as data: what the job's row in DynamoDB holds."""

from typing import Any

from pydantic import ConfigDict, Field

from mediajobs.base_model import LazyModel
from mediajobs.jobs.lifecycle import Status
from mediajobs.media.manifests import JobWarning
from mediajobs.media.options import Options
from mediajobs.media.source import SourceFacts


class Failure(LazyModel):
    """Why a task failed, as the task itself put it."""

    code: str
    message: str
    task: str | None = None


class OutputSummary(LazyModel):
    """What the job's row keeps of an output; the manifest in S3 has the rest.

    The sheets of a storyboard are one output, `storyboard`: `sheets_count` of them, with the sum of their sizes.
    """

    available: bool
    size_bytes: int | None = None
    reason: str | None = None
    segments_count: int | None = None
    sheets_count: int | None = None
    width: int | None = None
    height: int | None = None


class EarlierAttempt(LazyModel):
    """An attempt that failed or was cancelled, as it ended."""

    attempt: int
    status: Status
    started_at: str | None = None
    completed_at: str | None = None
    error: Failure | None = None


class Job(LazyModel):
    """The only source of truth about a job. Sizes in bytes, times as RFC 3339.

    `version` counts the changes of the status. `base_attempt` is the attempt that last began from the start: outputs of
    earlier attempts do not count any more.
    """

    model_config = ConfigDict(frozen=True)

    job_id: str
    account: str
    status: Status
    version: int = 1
    attempt: int = 1
    base_attempt: int = 1
    earlier: list[EarlierAttempt] = []
    priority: int = 5
    filename: str
    content_type: str | None = None
    size_bytes: int | None = None
    source_url: str | None = None
    upload_id: str | None = None
    batch_id: str | None = None
    user_metadata: dict[str, Any] | None = None
    options: Options = Field(default_factory=Options)
    created_at: str
    updated_at: str
    started_at: str | None = None
    completed_at: str | None = None
    source: SourceFacts | None = None
    outputs: dict[str, OutputSummary] = {}
    transcription: dict[str, Any] = {}
    processing_time: dict[str, float] = {}
    warnings: list[JobWarning] = []
    error: Failure | None = None
