"""The bookkeeping between the pipeline's tasks. Every step may come twice or late."""

from contextlib import suppress
from typing import Any

from mediajobs import clock
from mediajobs.errors import NotFound, Stopped
from mediajobs.jobs import job_store, processing_rate_store, progress_store
from mediajobs.jobs.lifecycle import RETRYABLE, Status
from mediajobs.jobs.model import Job
from mediajobs.jobs.progress import TaskProgress
from mediajobs.media.manifests import TaskManifest
from mediajobs.media.tasks import STAGES
from mediajobs.pipeline import task_results
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.object_keys import manifest_key
from mediajobs.timestamps import parse

NO_AUDIO = "source has no audio"


def plan(job_id: str, attempt: int) -> dict[str, bool]:
    """Moves the job to `transcoding` and says which branches its source needs: {media, transcribe}."""
    job = job_store.transition(job_id, Status.TRANSCODING, attempt=attempt).job
    if job.source is None:
        raise RuntimeError(f"job {job_id} was planned before it was validated")
    branches = task_results.branches(job.options, job.source)
    if job.options.transcription.enabled and not branches["transcribe"]:
        progress_store.report(job_id, attempt, {"transcribe_video": TaskProgress(status="skipped", note=NO_AUDIO)})
    return branches


def publish(job_id: str, attempt: int) -> None:
    """Merges the tasks' manifests, and completes the job with all that they made. Nothing, for a job that is gone."""
    try:
        job = job_store.transition(job_id, Status.UPLOADING, attempt=attempt).job
    except NotFound:
        return
    if job.status is not Status.UPLOADING or job.attempt != attempt:
        return
    objects = MediaBucket.from_environment()
    found = [_manifest(objects, job_id, stage) for stage in STAGES]
    manifests = [manifest for manifest in found if manifest is not None and manifest.attempt >= job.base_attempt]
    objects.write_json(manifest_key(job_id), task_results.job_manifest(job_id, job.source, manifests))
    try:
        outcome = job_store.transition(job_id, Status.COMPLETED, attempt=attempt, changes=_results(job, manifests))
    except NotFound:  # it was deleted meanwhile
        objects.delete(manifest_key(job_id))
        return
    if outcome.job.status in RETRYABLE:  # it was cancelled meanwhile
        objects.delete(manifest_key(job_id))
    if outcome.transition == "go" and job.source is not None:
        processing_rate_store.learn(task_results.stage_seconds(manifests), job.source.duration_seconds)


def fail(job_id: str, attempt: int, *, error: str, cause: str = "") -> None:
    """Ends the attempt with the reason that its task recorded, or else with what the state machine knows: see `why`."""
    found = progress_store.read(job_id)
    failure = task_results.failure_for(error, found, cause=cause)
    if found is not None:
        with suppress(Stopped):  # the attempt is over: what becomes of its job is decided below
            progress_store.record_failure(job_id, attempt, failure)
    try:
        job_store.transition(job_id, Status.FAILED, attempt=attempt, changes={"error": failure.model_dump()})
    except NotFound:
        return


def _manifest(objects: MediaBucket, job_id: str, task: str) -> TaskManifest | None:
    value = objects.read_json(manifest_key(job_id, task))
    return TaskManifest.model_validate(value) if value is not None else None


def _results(job: Job, manifests: list[TaskManifest]) -> dict[str, Any]:
    summaries = task_results.summarise(manifests)
    started = parse(job.started_at or job.created_at)
    total = (parse(clock.now()) - started).total_seconds()
    facts = next((manifest.facts for manifest in manifests if manifest.task == "transcribe"), {})
    return {
        "outputs": {name: summary.model_dump(exclude_none=True) for name, summary in summaries.items()},
        "transcription": facts,
        "processing_time": task_results.processing_time(manifests, total),
    }
