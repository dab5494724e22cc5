from itertools import product

import pytest

from mediajobs.jobs.lifecycle import MAX_ATTEMPTS, TERMINAL, Status, Transition, check_transition, queue_rank
from mediajobs.media.options import Options, Transcription
from mediajobs.media.tasks import WEIGHTS, tasks_for

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
    assert sum(WEIGHTS.values()) == 100
    assert len(WEIGHTS) == 9


def test_a_job_has_the_tasks_that_its_options_ask_for() -> None:
    assert tasks_for(Options()) == tuple(WEIGHTS)
    bare = Options(renditions=[], audio=True, thumbnail=False, transcription=Transcription(enabled=False))
    assert tasks_for(bare) == ("validate_video", "store_source", "extract_audio_mp3", "upload_outputs")
    speech = Options(renditions=[], audio=False, thumbnail=False)
    assert tasks_for(speech) == ("validate_video", "store_source", "transcribe_video")


def test_there_is_an_end_to_retries() -> None:
    assert MAX_ATTEMPTS == 5
    assert {"completed", "failed", "cancelled"} == TERMINAL
