from mediajobs import outcomes
from mediajobs.manifests import Absent, Fragment, Output, TaskManifest
from mediajobs.options import Options, Transcription
from mediajobs.progress import Failure, Progress, TaskProgress
from mediajobs.source import AudioFacts, SourceFacts

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
    assert outcomes.branches(Options(), SILENT) == {"media": True, "transcribe": False}
    assert outcomes.branches(Options(), SOUNDING) == {"media": True, "transcribe": True}
    only_speech = Options(renditions=[], audio=False, thumbnail=False)
    assert outcomes.branches(only_speech, SOUNDING) == {"media": False, "transcribe": True}
    no_speech = Options(transcription=Transcription(enabled=False))
    assert outcomes.branches(no_speech, SOUNDING)["transcribe"] is False


def test_the_summary_tells_what_was_made_and_why_the_rest_was_not() -> None:
    made = TaskManifest(
        task="media", attempt=1, outputs=[output("360p", 3)], absent=[Absent(name="720p", reason="too small")]
    )
    found = outcomes.summarise([made])
    assert (found["360p"].available, found["360p"].size_bytes, found["360p"].segments_count) == (True, 10, 3)
    assert (found["720p"].available, found["720p"].reason) == (False, "too small")


def test_a_stage_lasts_as_long_as_the_longest_of_its_tasks() -> None:
    media = TaskManifest(task="media", attempt=1, outputs=[], seconds={"transcode_360p": 3, "transcode_720p": 5})
    speech = TaskManifest(
        task="transcribe", attempt=1, outputs=[], seconds={"transcribe_video": 2}, facts={"model": "base"}
    )
    assert outcomes.stage_seconds([media, speech]) == {"media": 5, "transcribe#base": 2}
    assert outcomes.processing_time([media, speech], 7.5) == {
        "transcode_360p_seconds": 3, "transcode_720p_seconds": 5, "transcription_seconds": 2, "total_seconds": 7.5,
    }  # fmt: skip


def test_a_failure_is_told_in_the_words_of_the_task_if_it_had_any() -> None:
    told = Failure(code="truncated_source", message="It ends early.", task="validate_video")
    tasks = {"transcode_720p": TaskProgress(status="running"), "validate_video": TaskProgress(status="failed")}
    progress = Progress(attempt=1, tasks=tasks)
    assert outcomes.why("BadInput", progress.model_copy(update={"failure": told})) == told
    overcome = Failure(code="stalled", message="Try again.", task="transcode_720p")
    assert outcomes.why("TaskCrashed", progress.model_copy(update={"failure": overcome})).code == "task_crashed"
    silent = outcomes.why("TaskCrashed", progress)
    assert (silent.code, silent.task) == ("task_crashed", "transcode_720p")
    assert outcomes.why("States.Runtime", None).code == "pipeline_error"
    assert "Retry" in outcomes.why("ABORTED", None).message
