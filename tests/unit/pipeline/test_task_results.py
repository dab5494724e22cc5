import pytest

from mediajobs.jobs.model import Failure
from mediajobs.jobs.progress import Progress, TaskProgress, TaskStatus
from mediajobs.media.manifests import Absent, Fragment, JobWarning, Output, TaskManifest, Tiles
from mediajobs.media.options import Options, Transcription
from mediajobs.media.source import AudioFacts, SourceFacts
from mediajobs.media.tasks import STAGES, WEIGHTS
from mediajobs.pipeline import task_results

AUDIO = AudioFacts(index=0, codec="aac", channels=2, sample_rate=48000)
SILENT = SourceFacts(container="mp4", duration_seconds=10, size_bytes=9, sha256="0", video=None, audio=None)
SOUNDING = SILENT.model_copy(update={"audio": AUDIO})


def output(name: str, fragments: int = 0) -> Output:
    return Output(
        name=name,
        key=f"outputs/J/{name}",
        size_bytes=10,
        sha256="f" * 64,
        content_type="video/mp4",
        fragments=[Fragment(offset=0, size=1, duration=4)] * fragments,
    )


def test_a_silent_source_is_not_transcribed() -> None:
    assert task_results.branches(Options(), SILENT) == {"media": True, "transcribe": False}
    assert task_results.branches(Options(), SOUNDING) == {"media": True, "transcribe": True}
    only_speech = Options(renditions=[], audio=False, thumbnail=False, storyboard=False)
    assert task_results.branches(only_speech, SOUNDING) == {"media": False, "transcribe": True}
    no_speech = Options(transcription=Transcription(enabled=False))
    assert task_results.branches(no_speech, SOUNDING)["transcribe"] is False


def test_the_summary_tells_what_was_made_and_why_the_rest_was_not() -> None:
    made = TaskManifest(
        task="media", attempt=1, outputs=[output("360p", 3)], absent=[Absent(name="720p", reason="too small")]
    )
    found = task_results.summarise([made])
    assert (found["360p"].available, found["360p"].size_bytes, found["360p"].segments_count) == (True, 10, 3)
    assert (found["720p"].available, found["720p"].reason) == (False, "too small")


def test_the_sheets_of_a_storyboard_are_one_output_to_the_row() -> None:
    tiles = Tiles(width=160, height=90, columns=10, count=100, interval=1, start=0)
    sheets = [output(f"storyboard_{number}").model_copy(update={"tiles": tiles}) for number in (1, 2)]
    sound = output("hls_audio", 5)
    found = task_results.summarise([TaskManifest(task="media", attempt=1, outputs=[*sheets, sound])])
    assert found.keys() == {"storyboard", "hls_audio"}
    assert (found["storyboard"].size_bytes, found["storyboard"].sheets_count) == (20, 2)
    assert (found["hls_audio"].size_bytes, found["hls_audio"].segments_count) == (10, 5)


def test_the_warnings_of_all_stages_are_the_jobs() -> None:
    guessed, gap = (JobWarning(code=code, message="See there.") for code in ("duration_guessed", "gap_filled"))
    stages = [
        TaskManifest(task="validate", attempt=1, outputs=[], warnings=[guessed]),
        TaskManifest(task="media", attempt=1, outputs=[], warnings=[gap, guessed]),
        TaskManifest(task="transcribe", attempt=1, outputs=[]),
    ]
    assert task_results.warnings(stages) == [guessed, gap]


def test_a_stage_lasts_as_long_as_the_longest_of_its_tasks() -> None:
    media = TaskManifest(task="media", attempt=1, outputs=[], seconds={"transcode_360p": 3, "transcode_720p": 5})
    speech = TaskManifest(
        task="transcribe", attempt=1, outputs=[], seconds={"transcribe_video": 2}, facts={"model": "base"}
    )
    assert task_results.stage_seconds([media, speech]) == {"media": 5, "transcribe#base": 2}
    assert task_results.processing_time([media, speech], 7.5) == {
        "transcode_360p_seconds": 3, "transcode_720p_seconds": 5, "transcription_seconds": 2, "total_seconds": 7.5,
    }  # fmt: skip


def test_a_failure_is_told_in_the_words_of_the_task_if_it_had_any() -> None:
    told = Failure(code="truncated_source", message="It ends early.", task="validate_video")
    tasks = {"transcode_720p": TaskProgress(status="running"), "validate_video": TaskProgress(status="failed")}
    progress = Progress(attempt=1, tasks=tasks)
    assert task_results.failure_for("BadInput", progress.model_copy(update={"failure": told})) == told
    overcome = Failure(code="stalled", message="Try again.", task="transcode_720p")
    assert (
        task_results.failure_for("TaskCrashed", progress.model_copy(update={"failure": overcome})).code
        == "task_crashed"
    )
    silent = task_results.failure_for("TaskCrashed", progress)
    assert (silent.code, silent.task) == ("task_crashed", "transcode_720p")
    assert task_results.failure_for("States.Runtime", None).code == "pipeline_error"
    assert "Retry" in task_results.failure_for("ABORTED", None).message


def progress_of(**statuses: TaskStatus) -> Progress:
    """Of an attempt that has every task; the others wait."""
    tasks = {name: TaskProgress(status=statuses.get(name, "pending")) for name in reversed(WEIGHTS)}
    return Progress(attempt=1, tasks=tasks)


def completed(*names: str) -> dict[str, TaskStatus]:
    return dict.fromkeys(names, "completed")


MEDIA = completed(*STAGES["media"])
VALIDATED = completed(*STAGES["validate"])


@pytest.mark.parametrize(
    ("stage", "progress", "task"),
    [
        ("validate", progress_of(), "validate_video"),
        ("validate", progress_of(store_source="running"), "store_source"),
        ("validate", progress_of(**VALIDATED), "validate_video"),
        ("transcribe", progress_of(**VALIDATED, **MEDIA), "transcribe_video"),
        ("transcribe", progress_of(**VALIDATED, transcode_720p="running"), "transcribe_video"),
        ("media", progress_of(**VALIDATED, transcribe_video="running"), "generate_thumbnail"),
        ("media", progress_of(**VALIDATED, generate_thumbnail="skipped"), "transcode_240p"),
        ("media", progress_of(transcode_720p="running", transcribe_video="running"), "transcode_720p"),
        ("media", progress_of(transcode_360p="running", transcode_720p="running"), "transcode_360p"),
        ("media", progress_of(**MEDIA | {"upload_outputs": "running"}), "upload_outputs"),
        ("media", progress_of(**MEDIA), "upload_outputs"),
    ],
)
def test_a_stage_that_failed_names_one_of_its_tasks(stage: str, progress: Progress, task: str) -> None:
    failure = task_results.failure_for(stage, progress, cause="TaskCrashed")
    assert (failure.code, failure.task) == ("task_crashed", task)
    assert task_results.failure_for(stage, progress, cause="States.HeartbeatTimeout").code == "worker_lost"


def test_without_a_stage_the_only_one_at_work_is_the_one() -> None:
    at_work = progress_of(**VALIDATED, transcode_360p="running", transcode_720p="running")
    assert task_results.failure_for("TIMED_OUT", at_work).task == "transcode_360p"
    both = progress_of(**VALIDATED, transcode_360p="running", transcribe_video="running")
    assert task_results.failure_for("TIMED_OUT", both).task is None
    assert task_results.failure_for("Lambda.Unknown", progress_of(**VALIDATED), cause="media").task is None


def test_what_one_stage_recorded_is_not_why_another_one_failed() -> None:
    passing = Failure(code="dependency_unavailable", message="It is tried again.", task="transcribe_video")
    progress = progress_of(transcribe_video="failed").model_copy(update={"failure": passing})
    assert task_results.failure_for("transcribe", progress, cause="Transient") == passing
    other = task_results.failure_for("media", progress, cause="TaskCrashed")
    assert (other.code, other.task) == ("task_crashed", "generate_thumbnail")


def test_of_two_stages_that_fail_at_once_the_one_that_is_named_has_the_reason() -> None:
    """The tasks of both record a reason; the progress keeps the later one apart, and each task its own."""
    progress = progress_of(transcode_360p="failed", transcribe_video="failed")
    progress.tasks["transcode_360p"] = TaskProgress(status="failed", code="undecodable", note="The sound is damaged.")
    later = Failure(code="no_speech_model", message="There is no such model.", task="transcribe_video")
    progress.tasks["transcribe_video"] = TaskProgress(status="failed", code=later.code, note=later.message)
    progress = progress.model_copy(update={"failure": later})
    first = Failure(code="undecodable", message="The sound is damaged.", task="transcode_360p")
    assert task_results.failure_for("media", progress, cause="BadInput") == first
    assert task_results.failure_for("transcribe", progress, cause="BadInput") == later


@pytest.mark.parametrize("error", ["States.BranchFailed", "States.Runtime", "FAILED", "Lambda.Unknown", ""])
def test_what_was_recorded_is_the_reason_whatever_the_state_machine_says(error: str) -> None:
    recorded = Failure(code="undecodable", message="The sound is damaged.", task="transcribe_video")
    progress = progress_of(transcribe_video="failed").model_copy(update={"failure": recorded})
    assert task_results.failure_for(error, progress) == recorded
    assert task_results.failure_for("media", progress, cause=error) == recorded


def test_a_task_that_continues_has_overcome_its_failure() -> None:
    progress = progress_of(transcode_360p="running", transcribe_video="failed")
    progress.tasks["transcribe_video"] = TaskProgress(status="failed", code="stalled", note="It stalled.")
    overcome = Failure(code="dependency_unavailable", message="Try again.", task="transcode_360p")
    progress = progress.model_copy(update={"failure": overcome})
    stalled = Failure(code="stalled", message="It stalled.", task="transcribe_video")
    assert task_results.failure_for("States.BranchFailed", progress) == stalled


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("cause", ["BadInput", "Transient", "TaskCrashed", "States.Runtime"])
def test_a_reason_that_was_lost_has_a_code_and_a_cure(stage: str, cause: str) -> None:
    failure = task_results.failure_for(stage, progress_of(), cause=cause)
    assert "Retry" in failure.message
    assert (failure.code == "pipeline_error") == (cause == "States.Runtime")
