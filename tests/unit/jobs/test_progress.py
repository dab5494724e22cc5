from hypothesis import given
from hypothesis import strategies as st

from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.progress import TaskProgress, current_task, overall_percent
from mediajobs.media.tasks import WEIGHTS

percents = st.floats(0, 100)
RUNNING = (Status.PROCESSING, Status.TRANSCODING, Status.UPLOADING)


def tasks(**percent: float) -> dict[str, TaskProgress]:
    return {name: TaskProgress(status="running", progress=value) for name, value in percent.items()}


@given(st.dictionaries(st.sampled_from(sorted(WEIGHTS)), percents), st.sampled_from(RUNNING))
def test_a_running_job_is_never_at_100(percent: dict[str, float], status: Status) -> None:
    assert 0 <= overall_percent(status, tasks(**percent)) <= 99


def test_only_a_completed_job_is_at_100() -> None:
    done = tasks(**dict.fromkeys(WEIGHTS, 100.0))
    assert overall_percent(Status.UPLOADING, done) == 99
    assert overall_percent(Status.COMPLETED, done) == 100


def test_tasks_count_by_weight() -> None:
    assert overall_percent(Status.TRANSCODING, tasks(transcode_360p=100, transcode_720p=0)) == 50
    assert overall_percent(Status.TRANSCODING, tasks(transcode_360p=0, transcribe_video=100)) == 37


@given(st.dictionaries(st.sampled_from(sorted(WEIGHTS)), percents, min_size=2), st.data())
def test_a_task_that_moves_on_or_is_skipped_at_its_start_never_takes_the_whole_back(
    percent: dict[str, float], data: st.DataObject
) -> None:
    before = tasks(**percent)
    name = data.draw(st.sampled_from(sorted(percent)))
    further = TaskProgress(status="running", progress=data.draw(st.floats(percent[name], 100)))
    assert overall_percent(Status.TRANSCODING, before | {name: further}) >= overall_percent(Status.TRANSCODING, before)
    unbegun = before | {name: TaskProgress()}
    skipped = before | {name: TaskProgress(status="skipped")}
    assert overall_percent(Status.TRANSCODING, skipped) >= overall_percent(Status.TRANSCODING, unbegun)


def test_the_current_task_is_the_heaviest_that_runs_or_the_next_one() -> None:
    several = tasks(generate_thumbnail=1, transcode_720p=2, transcribe_video=3)
    assert current_task(Status.TRANSCODING, several) == "transcode_720p"
    waiting = {"validate_video": TaskProgress(status="completed", progress=100), "transcode_360p": TaskProgress()}
    assert current_task(Status.PROCESSING, waiting) == "transcode_360p"
    assert current_task(Status.QUEUED, waiting) is None
    assert current_task(Status.FAILED, several) is None
