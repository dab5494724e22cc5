from itertools import product
from typing import Any

import pytest

from mediajobs.jobs.lifecycle import MAX_ATTEMPTS, TERMINAL, Status, Transition, check_transition, queue_rank
from mediajobs.media.manifests import Absent
from mediajobs.media.options import Options, Transcription
from mediajobs.media.tasks import WEIGHTS, skipped_tasks, tasks_for

ROAD = ["pending", "queued", "processing", "transcoding", "uploading", "completed"]


@pytest.mark.parametrize(("current", "wanted"), list(product(Status, Status)))
def test_a_job_goes_one_step_along_its_road_or_ends_early(current: Status, wanted: Status) -> None:
    one_step = current in ROAD[:-1] and wanted == ROAD[ROAD.index(current) + 1]
    early_end = current in ROAD[:-1] and wanted in ("failed", "cancelled")
    expected = (
        Transition.REPEATED
        if current is wanted
        else Transition.ALLOWED
        if one_step or early_end
        else Transition.ILLEGAL
    )
    assert check_transition(current, wanted) is expected


@pytest.mark.parametrize("current", Status)
def test_only_a_retry_revives_a_job_and_only_a_failed_or_cancelled_one(current: Status) -> None:
    expected = Transition.ALLOWED if current in ("failed", "cancelled") else Transition.ILLEGAL
    assert check_transition(current, Status.QUEUED, retry=True) is expected
    assert check_transition(current, Status.PROCESSING, retry=True) is Transition.ILLEGAL


def test_a_wish_about_another_attempt_is_stale_whatever_it_wants() -> None:
    assert {check_transition(a, b, same_attempt=False) for a, b in product(Status, Status)} == {Transition.STALE}


def test_the_queue_sorts_by_priority_then_age() -> None:
    ranks = [queue_rank(10, "B"), queue_rank(9, "A"), queue_rank(5, "A"), queue_rank(5, "B"), queue_rank(1, "A")]
    assert sorted(ranks) == ranks


def test_the_weights_are_the_papers() -> None:
    of_default = [WEIGHTS[name] for name in tasks_for(Options())]
    assert sum(of_default) == 100
    assert len(of_default) == 9


def test_a_job_has_the_tasks_that_its_options_ask_for() -> None:
    assert tasks_for(Options()) == (
        "validate_video", "store_source", "generate_thumbnail", "transcode_360p", "transcode_720p",
        "extract_audio_mp3", "transcribe_video", "prepare_hls", "upload_outputs",
    )  # fmt: skip
    no_pictures: dict[str, Any] = {"renditions": [], "thumbnail": False, "storyboard": False}
    bare = Options(**no_pictures, transcription=Transcription(enabled=False))
    assert tasks_for(bare) == ("validate_video", "store_source", "extract_audio_mp3", "upload_outputs")
    speech = Options(**no_pictures, audio=False)
    assert tasks_for(speech) == ("validate_video", "store_source", "transcribe_video")
    storyboard = Options(renditions=[], audio=False, thumbnail=False, transcription=Transcription(enabled=False))
    assert "generate_thumbnail" in tasks_for(storyboard)


def test_a_task_is_skipped_where_nothing_of_it_is_made() -> None:
    absent = [Absent(name=name, reason=f"no {name}") for name in ("thumbnail", "storyboard", "audio")]
    assert skipped_tasks(absent, ["360p"]) == {"generate_thumbnail": "no thumbnail", "extract_audio_mp3": "no audio"}
    assert skipped_tasks(absent[1:], ["thumbnail"]) == {"extract_audio_mp3": "no audio"}


def test_there_is_an_end_to_retries() -> None:
    assert MAX_ATTEMPTS == 5
    assert {"completed", "failed", "cancelled"} == TERMINAL
