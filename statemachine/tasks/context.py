"""The input of a task: the job, its options and source, the bucket, and the reporter of its progress."""

import os
import threading
from dataclasses import dataclass
from pathlib import Path

from mediajobs.errors import NotFound, Stopped
from mediajobs.jobs import job_store
from mediajobs.jobs.lifecycle import RUNNING
from mediajobs.jobs.model import Job
from mediajobs.media.manifests import TaskManifest
from mediajobs.media.options import Options
from mediajobs.media.source import SourceFacts
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.object_keys import manifest_key, source_key
from statemachine.tasks.progress_reporter import Reporter, StoreReporter


@dataclass(frozen=True)
class TaskContext:
    """One run of one stage. `source` is None before validation; `source_url` is None where the source is uploaded."""

    job_id: str
    account: str
    attempt: int
    filename: str
    options: Options
    source: SourceFacts | None
    source_url: str | None
    bucket: MediaBucket
    reporter: Reporter
    models_dir: Path
    base_attempt: int = 1  # manifests of earlier attempts are not used
    announced_bytes: int | None = None  # the size of the source as its owner or S3 told it

    def completed_manifest(self, stage: str) -> TaskManifest | None:
        """The manifest of an earlier run, if it may be used and all its outputs exist: then nothing is to do."""
        document = self.bucket.read_json(manifest_key(self.job_id, stage))
        if document is None:
            return None
        manifest = TaskManifest.model_validate(document)
        if manifest.attempt < self.base_attempt:
            return None
        complete = all(self.bucket.size(output.key) == output.size_bytes for output in manifest.outputs)
        return manifest if complete else None

    def is_validated(self) -> bool:
        """Whether the recorded facts of the source are about the object that is stored now: its ETag is the same."""
        manifest = self.completed_manifest("validate")
        if self.source is None or manifest is None:
            return False
        etag = self.bucket.etag(source_key(self.job_id))
        return etag is not None and manifest.facts.get("etag") == etag

    def save_manifest(self, manifest: TaskManifest) -> None:
        """Writes the manifest. It is written last, as the proof that the stage is complete."""
        self.bucket.write_json(manifest_key(self.job_id, manifest.task), manifest.model_dump(mode="json"))


def load(job_id: str, attempt: int, attempt_over: threading.Event | None = None) -> TaskContext:
    """Raises Stopped where the attempt is over. Once `attempt_over` is set, every report raises Stopped."""
    try:
        job = job_store.get(job_id)
    except NotFound as error:
        raise Stopped(f"job {job_id} was deleted") from error
    if job.attempt != attempt or job.status not in RUNNING:
        raise Stopped(f"job {job_id} is {job.status} in attempt {job.attempt}")
    return TaskContext(
        job_id=job_id,
        account=job.account,
        attempt=attempt,
        filename=job.filename,
        options=_with_defaults(job),
        source=job.source,
        source_url=job.source_url,
        bucket=MediaBucket.from_environment(),
        reporter=StoreReporter(job_id, attempt, attempt_over),
        models_dir=Path(os.environ.get("MODELS_DIR", "/models")),
        base_attempt=job.base_attempt,
        announced_bytes=job.size_bytes,
    )


def _with_defaults(job: Job) -> Options:
    transcription = job.options.transcription
    if transcription.model is not None:
        return job.options
    model = os.environ.get("DEFAULT_WHISPER_MODEL", "base")
    return job.options.model_copy(update={"transcription": transcription.model_copy(update={"model": model})})
