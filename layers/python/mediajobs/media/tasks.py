"""The table of a job's named tasks."""

from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from mediajobs.media.manifests import Absent
from mediajobs.media.options import Options
from mediajobs.media.renditions import RENDITIONS, Rung


@dataclass(frozen=True)
class Task:
    """`weight` is its share of the whole, `stage` the command of the container that does it.

    `seconds_field` is what `processing_time` calls its seconds, None where it has none. `outputs` are what it makes, by
    the names under which the plan has them.
    """

    name: str
    weight: int
    stage: str
    is_requested: Callable[[Options], bool]
    seconds_field: str | None = None
    outputs: tuple[str, ...] = ()


def makes_media(options: Options) -> bool:
    """Whether the stage `media` has anything to make."""
    return bool(options.renditions) or options.audio or _makes_pictures(options)


def _makes_pictures(options: Options) -> bool:
    return options.thumbnail or options.storyboard is not False


def _always(_options: Options) -> bool:
    return True


def _transcode(rung: Rung) -> Task:
    return Task(
        rung.task,
        rung.weight,
        "media",
        lambda options: rung.name in options.renditions,
        seconds_field=rung.seconds_field,
        outputs=(rung.name,),
    )


# In the order in which clients see them.
TASKS = (
    Task("validate_video", 5, "validate", _always, "validation_seconds"),
    Task("store_source", 5, "validate", _always),
    Task("generate_thumbnail", 5, "media", _makes_pictures, outputs=("thumbnail", "storyboard")),
    *(_transcode(rung) for rung in RENDITIONS.values()),
    Task("extract_audio_mp3", 10, "media", lambda options: options.audio, "audio_extraction_seconds", ("audio",)),
    Task("transcribe_video", 15, "transcribe", lambda options: options.transcription.enabled, "transcription_seconds"),
    Task("prepare_hls", 5, "media", lambda options: options.hls and bool(options.renditions), outputs=("hls",)),
    Task("upload_outputs", 5, "media", makes_media),
)
WEIGHTS = {task.name: task.weight for task in TASKS}
SECONDS_FIELDS = {task.name: task.seconds_field for task in TASKS if task.seconds_field}
TASK_OF_OUTPUT = {output: task.name for task in TASKS for output in task.outputs}

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


def skipped_tasks(absent: Iterable[Absent], made: Collection[str]) -> dict[str, str]:
    """The tasks that make nothing, with the reason: all that they were asked for is absent, nothing of it in `made`."""
    working = {TASK_OF_OUTPUT[name] for name in made}
    return {
        task: entry.reason for entry in reversed(list(absent)) if (task := TASK_OF_OUTPUT[entry.name]) not in working
    }
