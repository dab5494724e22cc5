"""What the manifests of the tasks say, told as the job row keeps it."""

from collections.abc import Iterable
from typing import Any

from mediajobs.jobs.model import Failure, OutputSummary
from mediajobs.jobs.progress import DONE, Progress
from mediajobs.media.manifests import TaskManifest
from mediajobs.media.options import Options
from mediajobs.media.source import SourceFacts
from mediajobs.media.tasks import SECONDS_FIELDS, STAGES, WEIGHTS, makes_media

_STATE_MACHINE_ERRORS = {
    "States.Timeout": ("timed_out", "The job took longer than a day and was stopped. Split the source and try again."),
    "TIMED_OUT": ("timed_out", "The job took longer than a day and was stopped. Split the source and try again."),
    "States.HeartbeatTimeout": ("worker_lost", "The machine that ran a task vanished, again and again. Retry the job."),
    "States.TaskFailed": ("task_crashed", "A task ended unexpectedly, again and again. Retry the job, or report it."),
    "TaskCrashed": ("task_crashed", "A task ended unexpectedly, again and again. Retry the job, or report it."),
    "ABORTED": ("stopped", "The execution was stopped by an operator. Retry the job."),
}


def branches(options: Options, source: SourceFacts) -> dict[str, bool]:
    """Which branches of the pipeline this source needs."""
    return {
        "media": makes_media(options),
        "transcribe": source.audio is not None and options.transcription.enabled,
    }


def summarise(manifests: Iterable[TaskManifest]) -> dict[str, OutputSummary]:
    """What was made and what was not, by the output's name."""
    summaries: dict[str, OutputSummary] = {}
    for manifest in manifests:
        for output in manifest.outputs:
            summaries[output.name] = OutputSummary(
                available=True, size_bytes=output.size_bytes, segments_count=len(output.fragments) or None
            )
        for absent in manifest.absent:
            summaries[absent.name] = OutputSummary(available=False, reason=absent.reason)
    return summaries


def processing_time(manifests: Iterable[TaskManifest], total: float) -> dict[str, float]:
    """Seconds by task, as the document names them, and in all."""
    seconds = {name: spent for manifest in manifests for name, spent in manifest.seconds.items()}
    named = {SECONDS_FIELDS[task]: round(spent, 3) for task, spent in seconds.items() if task in SECONDS_FIELDS}
    return named | {"total_seconds": round(total, 3)}


def stage_seconds(manifests: Iterable[TaskManifest]) -> dict[str, float]:
    """Wall seconds by stage, for the ETA of later jobs: the tasks of one manifest ran at the same time."""
    stages: dict[str, float] = {}
    for manifest in manifests:
        if manifest.seconds:
            model = manifest.facts.get("model")
            stages[f"transcribe#{model}" if model else manifest.task] = max(manifest.seconds.values())
    return stages


def job_manifest(job_id: str, source: SourceFacts | None, manifests: Iterable[TaskManifest]) -> dict[str, Any]:
    """The job's manifest: every output with its size and SHA-256."""
    parts = list(manifests)
    return {
        "job_id": job_id,
        "source": source.model_dump(mode="json") if source else None,
        "outputs": [output.model_dump(mode="json", exclude_none=True) for part in parts for output in part.outputs],
        "absent": [absent.model_dump(mode="json") for part in parts for absent in part.absent],
    }


def failure_for(error: str, progress: Progress | None, *, cause: str = "") -> Failure:
    """Why a job failed: what its task recorded, else what the state machine knows.

    The state machine tells which stage failed by the error, and of what by the cause. A stage may do several tasks at
    once: the one that failed is the first, as clients see them, of those that were running; where none was, of those
    that are not over; where all are over, the stage's last. An error of no stage, as that of an execution which took
    too long, is of the only stage that had a task running, if there is one.
    """
    stage, error = (error, cause) if error in STAGES else (None, error)
    told = progress.failure if progress else None
    if progress is not None and told is not None and _still_applies(progress, told, stage):
        return told
    code, message = _STATE_MACHINE_ERRORS.get(
        error, ("pipeline_error", "The pipeline stopped for a reason of its own. Retry the job, or report it.")
    )
    return Failure(code=code, message=message, task=_failed_task(progress, stage) if progress else None)


def _failed_task(progress: Progress, stage: str | None) -> str | None:
    """See `why`."""
    names = [name for name in WEIGHTS if name in progress.tasks]
    running = [name for name in names if progress.tasks[name].status == "running"]
    if stage is None:
        at_work = [tasks for tasks in STAGES.values() if not set(running).isdisjoint(tasks)]
        return running[0] if len(at_work) == 1 else None
    left = [name for name in names if progress.tasks[name].status not in DONE]
    return next((name for name in running + left if name in STAGES[stage]), STAGES[stage][-1])


def _still_applies(progress: Progress, failure: Failure, stage: str | None) -> bool:
    """Whether the task is still where its failure left it, and is one of the stage, where that is known: a task that
    went on has overcome its failure, and what may pass in one stage is not why another one failed."""
    if failure.task is None:
        return True
    task = progress.tasks.get(failure.task)
    return (task is None or task.status == "failed") and (stage is None or failure.task in STAGES[stage])
