"""The table of a job's named tasks."""

from collections.abc import Callable
from dataclasses import dataclass

from mediajobs.media.options import Options
from mediajobs.media.renditions import RENDITIONS, Rung


@dataclass(frozen=True)
class Task:
    """`weight` is its share of the whole, `stage` the command of the container that does it.

    `seconds_field` is what `processing_time` calls its seconds, None where it has none. `output` is what it makes, by
    the name under which the plan has it.
    """

    name: str
    weight: int
    stage: str
    is_requested: Callable[[Options], bool]
    seconds_field: str | None = None
    output: str | None = None


def makes_media(options: Options) -> bool:
    """Whether the stage `media` has anything to make."""
    return bool(options.renditions) or options.audio or options.thumbnail


def _always(_options: Options) -> bool:
    return True


def _transcode(rung: Rung) -> Task:
    return Task(
        rung.task,
        rung.weight,
        "media",
        lambda options: rung.name in options.renditions,
        seconds_field=rung.seconds_field,
        output=rung.name,
    )


# In the order in which clients see them.
TASKS = (
    Task("validate_video", 5, "validate", _always, "validation_seconds"),
    Task("store_source", 5, "validate", _always),
    Task("generate_thumbnail", 5, "media", lambda options: options.thumbnail, output="thumbnail"),
    *(_transcode(rung) for rung in RENDITIONS.values()),
    Task("extract_audio_mp3", 10, "media", lambda options: options.audio, "audio_extraction_seconds", output="audio"),
    Task("transcribe_video", 15, "transcribe", lambda options: options.transcription.enabled, "transcription_seconds"),
    Task("prepare_hls", 5, "media", lambda options: options.hls and bool(options.renditions), output="hls"),
    Task("upload_outputs", 5, "media", makes_media),
)
WEIGHTS = {task.name: task.weight for task in TASKS}
SECONDS_FIELDS = {task.name: task.seconds_field for task in TASKS if task.seconds_field}
TASK_OF_OUTPUT = {task.output: task.name for task in TASKS if task.output}

# Stage -> its task that ends last.
LAST_TASKS = {"validate": "validate_video", "media": "upload_outputs", "transcribe": "transcribe_video"}
# Stage -> its tasks, of which the last one ends last.
STAGES = {
    stage: (*(task.name for task in TASKS if task.stage == stage and task.name != last), last)
    for stage, last in LAST_TASKS.items()
}


def tasks_for(options: Options) -> tuple[str, ...]:
    """The tasks that these options ask for, in order."""
    return tuple(task.name for task in TASKS if task.is_requested(options))
