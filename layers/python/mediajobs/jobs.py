"""A job as data."""

from typing import Any

from pydantic import ConfigDict, Field

from mediajobs.lazy import LazyModel
from mediajobs.life import Status
from mediajobs.options import Options
from mediajobs.progress import Failure
from mediajobs.source import SourceFacts


class OutputSummary(LazyModel):
    """What the job row keeps of an output; the manifest in S3 has the rest."""

    available: bool
    size_bytes: int | None = None
    reason: str | None = None
    segments_count: int | None = None


class EarlierAttempt(LazyModel):
    """An attempt that failed or was cancelled, as it ended."""

    attempt: int
    status: Status
    started_at: str | None = None
    completed_at: str | None = None
    error: Failure | None = None


class Job(LazyModel):
    """The one truth about a job. Sizes in bytes, times RFC 3339. `version` counts the changes of its status;
    `base_attempt` is the attempt that last began from the start: what earlier ones made does not count any more."""

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
    error: Failure | None = None


def source_key(job_id: str) -> str:
    return f"sources/{job_id}/source"


def source_prefix(job_id: str) -> str:
    return f"sources/{job_id}/"


def output_prefix(job_id: str) -> str:
    return f"outputs/{job_id}/"


def manifest_key(job_id: str, task: str | None = None) -> str:
    """Where a task's manifest is, or the whole job's."""
    return f"outputs/{job_id}/manifests/{task}.json" if task else f"outputs/{job_id}/manifest.json"


def job_of_key(key: str) -> str | None:
    """The job that a source's key belongs to."""
    parts = key.split("/")
    return parts[1] if len(parts) == 3 and parts[0] == "sources" and parts[2] == "source" else None
