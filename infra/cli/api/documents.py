"""The parts of the API's documents that the command line reads. Unknown fields are ignored."""

from typing import Any, Literal

from pydantic import BaseModel, Field, model_validator

from mediajobs.jobs.lifecycle import TERMINAL


class Document(BaseModel):
    @model_validator(mode="before")
    @classmethod
    def null_is_absent(cls, value: Any) -> Any:
        return {name: item for name, item in value.items() if item is not None} if isinstance(value, dict) else value


class UploadPart(Document):
    part_number: int
    url: str
    size: int


class Upload(Document):
    """One presigned request (`url`), or a multipart upload (`parts`, then POST to `complete_url`)."""

    method: Literal["PUT"] = "PUT"
    url: str | None = None
    headers: dict[str, str] = {}
    parts: list[UploadPart] = []
    complete_url: str | None = None


class CreatedJob(Document):
    job_id: str
    status: str
    upload: Upload | None = None


class TaskProgress(Document):
    status: str = "pending"
    progress: float = 0.0
    note: str | None = None


class Progress(Document):
    """Percentages from 0 to 100, seconds."""

    overall_progress: float = 0.0
    eta_seconds: float | None = None
    eta_range: tuple[float, float] | None = None
    queue_position: int | None = None
    tasks: dict[str, TaskProgress] = {}


class Source(Document):
    filename: str | None = None
    size_bytes: int | None = None
    duration_seconds: float | None = None


class JobError(Document):
    message: str = "no reason given"
    code: str | None = None
    failed_task: str | None = None


class JobWarning(Document):
    code: str
    message: str


class Job(Document):
    job_id: str
    status: str
    progress: Progress = Field(default_factory=Progress)
    source: Source = Field(default_factory=Source)
    outputs: dict[str, dict[str, Any] | None] = {}
    processing_time: dict[str, float | None] = {}
    error: JobError | None = None
    warnings: list[JobWarning] = []
    document: dict[str, Any] = Field(default={}, exclude=True)  # as the API gave it

    @classmethod
    def read(cls, document: dict[str, Any]) -> "Job":
        return cls.model_validate(document | {"document": document})

    @property
    def finished(self) -> bool:
        return self.status in TERMINAL
