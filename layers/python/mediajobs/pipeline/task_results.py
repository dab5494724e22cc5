"""The results of an attempt, from the manifests of its tasks: what the job's row and the job's manifest keep of them.

Also why an attempt failed, from what its tasks and the state machine report.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from mediajobs.jobs.model import Failure, OutputSummary
from mediajobs.jobs.progress import DONE, Progress
from mediajobs.media import storyboards
from mediajobs.media.manifests import JobWarning, Output, TaskManifest
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
# Errors of tasks that record their reason before they end. Here it could not be written.
_LOST_REASONS = {
    "BadInput": (
        "bad_input",
        "A task cannot use the source, and its reason was lost. Retry the job to see it.",
    ),
    "Transient": (
        "dependency_unavailable",
        "Storage or database did not answer, again and again. Retry the job.",
    ),
}


def branches(options: Options, source: SourceFacts) -> dict[str, bool]:
    """Which branches of the pipeline are needed for this source and these options, by name."""
    return {
        "media": makes_media(options),
        "transcribe": source.audio is not None and options.transcription.enabled,
    }


def summarise(manifests: Iterable[TaskManifest]) -> dict[str, OutputSummary]:
    """What the job's row keeps of each output, by name: those that were made and those that were not."""
    summaries: dict[str, OutputSummary] = {}
    for manifest in manifests:
        summaries |= {output.name: _summary(output) for output in manifest.outputs if output.tiles is None}
        if sheets := storyboards.sheets(manifest.outputs):
            summaries["storyboard"] = _storyboard_summary(sheets)
        for absent in manifest.absent:
            summaries[absent.name] = OutputSummary(available=False, reason=absent.reason)
    return summaries


def warnings(manifests: Iterable[TaskManifest]) -> list[JobWarning]:
    """The warnings of all stages, in their order; what two stages say alike is said once."""
    return list(dict.fromkeys(warning for manifest in manifests for warning in manifest.warnings))


def processing_time(manifests: Iterable[TaskManifest], total: float) -> dict[str, float]:
    """Seconds by task, under the names of the job document, and in total."""
    seconds_by_task = {task: seconds for manifest in manifests for task, seconds in manifest.seconds.items()}
    fields = {
        SECONDS_FIELDS[task]: round(seconds, 3) for task, seconds in seconds_by_task.items() if task in SECONDS_FIELDS
    }
    return fields | {"total_seconds": round(total, 3)}


def stage_seconds(manifests: Iterable[TaskManifest]) -> dict[str, float]:
    """Elapsed seconds by stage, for the ETA of later jobs: the tasks of one manifest ran at the same time."""
    stages: dict[str, float] = {}
    for manifest in manifests:
        if manifest.seconds:
            model = manifest.facts.get("model")
            stages[f"transcribe#{model}" if model else manifest.task] = max(manifest.seconds.values())
    return stages


def job_manifest(job_id: str, source: SourceFacts | None, manifests: Iterable[TaskManifest]) -> dict[str, Any]:
    """The manifest of the whole job: every output with its size and SHA-256, and those that were not made."""
    stages = list(manifests)
    return {
        "job_id": job_id,
        "source": source.model_dump(mode="json") if source else None,
        "outputs": [output.model_dump(mode="json", exclude_none=True) for stage in stages for output in stage.outputs],
        "absent": [absent.model_dump(mode="json") for stage in stages for absent in stage.absent],
    }


def failure_for(error: str, progress: Progress | None, *, cause: str = "") -> Failure:
    """Why a job failed: what its task recorded, or else what the state machine knows.

    Where a stage failed, the state machine has the stage's name as the error, and its error as the cause. What another
    stage recorded is the reason only where neither the stage nor the state machine has one: it may still be overcome.
    """
    stage, error = (error, cause) if error in STAGES else (None, error)
    recorded = _recorded_failures(progress) if progress else []
    of_stage = [failure for failure in recorded if stage is None or failure.task in (None, *STAGES[stage])]
    if of_stage:
        return of_stage[0]
    if recorded and error not in _STATE_MACHINE_ERRORS:
        return recorded[0]
    code, message = (_STATE_MACHINE_ERRORS | _LOST_REASONS).get(
        error, ("pipeline_error", f"The pipeline stopped ({error or 'no error'}). Retry the job, or report it.")
    )
    return Failure(code=code, message=message, task=_failed_task(progress, stage) if progress else None)


def _summary(output: Output) -> OutputSummary:
    return OutputSummary(
        available=True,
        size_bytes=output.size_bytes,
        segments_count=len(output.fragments) or None,
        width=output.width,
        height=output.height,
    )


def _storyboard_summary(sheets: Sequence[Output]) -> OutputSummary:
    size = sum(sheet.size_bytes for sheet in sheets)
    return OutputSummary(available=True, size_bytes=size, sheets_count=len(sheets))


def _failed_task(progress: Progress, stage: str | None) -> str | None:
    """The task that failed, where none recorded a failure.

    A stage may do several tasks at once. The one that failed is the first, in the order in which clients see them, of
    those that were running; where none was running, of those that are not done; where all are done, the last of the
    stage. An error of no stage, such as an execution that took too long, belongs to the only stage that had a running
    task. None where no stage had one, or more than one.
    """
    names = [name for name in WEIGHTS if name in progress.tasks]
    running = [name for name in names if progress.tasks[name].status == "running"]
    if stage is None:
        running_stages = [tasks for tasks in STAGES.values() if not set(running).isdisjoint(tasks)]
        return running[0] if len(running_stages) == 1 else None
    not_done = [name for name in names if progress.tasks[name].status not in DONE]
    return next((name for name in running + not_done if name in STAGES[stage]), STAGES[stage][-1])


def _recorded_failures(progress: Progress) -> list[Failure]:
    """What tasks recorded and have not overcome: a task that has continued since is not failed any more.

    The last one that was recorded comes first, then those of the failed tasks, in the order in which clients see them.
    """
    last = progress.failure
    failures = [last] if last is not None and _still_applies(progress, last) else []
    failed = ((name, progress.tasks[name]) for name in WEIGHTS if name in progress.tasks)
    return failures + [
        Failure(code=task.code, message=task.note or "", task=name)
        for name, task in failed
        if task.status == "failed" and task.code is not None and (last is None or last.task != name)
    ]


def _still_applies(progress: Progress, failure: Failure) -> bool:
    task = progress.tasks.get(failure.task) if failure.task else None
    return task is None or task.status == "failed"
