"""The steps between the pipeline's tasks: plan, publish, fail. Every step is idempotent: it may come twice, or late."""

from contextlib import suppress
from typing import Any

from mediajobs import clock
from mediajobs.accounts import quota_store
from mediajobs.accounts.quotas import month_of
from mediajobs.errors import NotFound, QuotaExceeded, Stopped
from mediajobs.jobs import job_store, minutes_store, processing_rate_store, progress_store, transition_store
from mediajobs.jobs.lifecycle import RETRYABLE, Status, Transition
from mediajobs.jobs.model import Failure, Job
from mediajobs.jobs.progress import TaskProgress, completed_stages
from mediajobs.media.manifests import TaskManifest
from mediajobs.media.source import NO_AUDIO
from mediajobs.media.tasks import STAGES
from mediajobs.pipeline import task_results
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.object_keys import manifest_key, source_key
from mediajobs.timestamps import parse_rfc3339

_REFUSAL_CODES = {"minutes-per-month": "minutes_quota_exceeded", "stored-bytes": "storage_quota_exceeded"}


def plan(job_id: str, attempt: int) -> dict[str, bool]:
    """Moves the job to `transcoding`, and charges its account with what the attempt decodes.

    Returns which branches its source needs, by name: `media`, `transcribe`. Raises QuotaExceeded, after it has recorded
    the reason, where the account may not store the source or decode it.
    """
    job = job_store.get(job_id)
    if job.source is None:
        raise RuntimeError(f"job {job_id} was planned before it was validated")
    branches = task_results.branches(job.options, job.source)
    try:
        if job.source_url is not None and job.status is Status.PROCESSING and job.attempt == attempt:
            quota_store.check_stored(job.account, job.source.size_bytes, job_id=job_id)
        charge = _charge(job, branches)
        transition_store.transition(job_id, Status.TRANSCODING, attempt=attempt, charge=charge, current=job)
    except QuotaExceeded as error:
        _record_refusal(job, attempt, error)
        raise
    if job.options.transcription.enabled and not branches["transcribe"]:
        progress_store.report(job_id, attempt, {"transcribe_video": TaskProgress(status="skipped", note=NO_AUDIO)})
    return branches


def publish(job_id: str, attempt: int) -> None:
    """Merges the manifests of the tasks, and completes the job with their outputs. Does nothing if it was deleted."""
    try:
        job = transition_store.transition(job_id, Status.UPLOADING, attempt=attempt).job
    except NotFound:
        return
    if job.status is not Status.UPLOADING or job.attempt != attempt:
        return
    objects = MediaBucket.from_environment()
    manifests = _manifests(objects, job)
    objects.write_json(manifest_key(job_id), task_results.job_manifest(job_id, job.source, manifests))
    result = _complete(job, manifests)
    if result is None or result.job.status in RETRYABLE:  # it was deleted, or cancelled, meanwhile
        objects.delete(manifest_key(job_id))
    elif result.transition is Transition.ALLOWED and job.source is not None:
        processing_rate_store.learn(task_results.stage_seconds(manifests), job.source.duration_seconds)


def fail(job_id: str, attempt: int, *, error: str, cause: str = "") -> None:
    """Ends the attempt with the failure that its task recorded, or else with the state machine's error and cause.

    See `task_results.failure_for`.
    """
    progress = progress_store.read(job_id)
    failure = task_results.failure_for(error, progress, cause=cause)
    if progress is not None:
        with suppress(Stopped):  # the attempt is over; whether the job fails is decided below
            progress_store.record_failure(job_id, attempt, failure)
    try:
        transition_store.transition(job_id, Status.FAILED, attempt=attempt, changes={"error": failure.model_dump()})
    except NotFound:
        return


def _charge(job: Job, branches: dict[str, bool]) -> minutes_store.Charge | None:
    """What the attempt decodes: each needed branch that no earlier attempt completed. None where that is nothing."""
    if job.source is None:
        return None
    done = completed_stages(progress_store.read(job.job_id), job.base_attempt)
    duration = round(1000 * job.source.duration_seconds)
    decoded = {
        stage: duration if is_needed and STAGES[stage][-1] not in done else 0 for stage, is_needed in branches.items()
    }
    if not any(decoded.values()):
        return None
    now = clock.milliseconds()
    month, limit = month_of(now), quota_store.read(job.account).quotas.minutes_per_month
    return minutes_store.Charge(
        month=month.name,
        retry_after=month.seconds_left(now),
        limit_ms=None if limit is None else limit * 60_000,
        media_ms=duration,
        transcoded_ms=decoded["media"],
        transcribed_ms=decoded["transcribe"],
    )


def _record_refusal(job: Job, attempt: int, error: QuotaExceeded) -> None:
    """Records why the attempt ends. A source that does not fit is removed with its facts, so that it does not count."""
    code = _REFUSAL_CODES[error.policy]
    failure = Failure(code=code, message=str(error))
    with suppress(Stopped):  # the attempt is over
        progress_store.record_failure(job.job_id, attempt, failure)
    if error.policy == "stored-bytes":
        # The object first: a step that is killed in between comes again, and finds the facts still there.
        MediaBucket.from_environment().delete(source_key(job.job_id))
        changes = {"error": failure.model_dump(), "source": None}
        transition_store.transition(job.job_id, Status.FAILED, attempt=attempt, changes=changes)


def _complete(job: Job, manifests: list[TaskManifest]) -> transition_store.TransitionResult | None:
    """Moves the job to `completed`. None where it was deleted."""
    changes = _results(job, manifests)
    try:
        return transition_store.transition(job.job_id, Status.COMPLETED, attempt=job.attempt, changes=changes)
    except NotFound:
        return None


def _manifests(objects: MediaBucket, job: Job) -> list[TaskManifest]:
    """The manifests of the tasks, without those of attempts that do not count any more."""
    values = [objects.read_json(manifest_key(job.job_id, stage)) for stage in STAGES]
    manifests = [TaskManifest.model_validate(value) for value in values if value is not None]
    return [manifest for manifest in manifests if manifest.attempt >= job.base_attempt]


def _results(job: Job, manifests: list[TaskManifest]) -> dict[str, Any]:
    """The attributes of the job that the manifests decide."""
    summaries = task_results.summarise(manifests)
    started = parse_rfc3339(job.started_at or job.created_at)
    total = (parse_rfc3339(clock.now()) - started).total_seconds()
    facts = next((manifest.facts for manifest in manifests if manifest.task == "transcribe"), {})
    return {
        "outputs": {name: summary.model_dump(exclude_none=True) for name, summary in summaries.items()},
        "transcription": facts,
        "processing_time": task_results.processing_time(manifests, total),
        "warnings": [warning.model_dump() for warning in task_results.warnings(manifests)],
    }
