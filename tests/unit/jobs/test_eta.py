import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediajobs.jobs.eta import Rate, estimate, learn
from mediajobs.jobs.progress import TaskProgress

MEDIA = {"transcode_360p": TaskProgress(), "transcode_720p": TaskProgress()}
BOTH = MEDIA | {"transcribe_video": TaskProgress()}


def test_nothing_known_gives_no_estimate() -> None:
    assert estimate(100, BOTH, {}, "base") is None
    assert estimate(100, BOTH, {"media": [1.0, 0.1, 5]}, "base") is None
    assert estimate(None, BOTH, {"media": [1, 0, 1], "transcribe#base": [1, 0, 1]}, "base") is None


def test_the_longer_of_the_two_branches_decides() -> None:
    rates: dict[str, Rate] = {"media": [0.5, 0.1, 9], "transcribe#base": [0.2, 0.0, 9]}
    assert estimate(100, BOTH, rates, "base") == (50, 30, 70)
    assert estimate(100, MEDIA, {"media": [0.5, 0.1, 9]}, "base") == (50, 30, 70)


def test_what_is_done_takes_no_more_time() -> None:
    half = {name: TaskProgress(status="running", progress=50) for name in MEDIA}
    assert estimate(100, half, {"media": [0.5, 0.0, 9]}, "base") == (25, 25, 25)
    done = {name: TaskProgress(status="completed", progress=100) for name in BOTH}
    assert estimate(100, done, {}, "base") == (0, 0, 0)


def test_a_skipped_task_takes_none_either() -> None:
    silent = MEDIA | {"transcribe_video": TaskProgress(status="skipped")}
    assert estimate(100, silent, {"media": [1, 0, 1]}, "base") == (100, 100, 100)


@given(st.lists(st.floats(1, 1000), min_size=1, max_size=50), st.floats(1, 10_000))
def test_the_estimate_lies_in_its_range_and_near_what_was_measured(seconds: list[float], duration: float) -> None:
    rate = None
    for spent in seconds:
        rate = learn(rate, spent, duration)
    assert rate is not None
    assert min(seconds) / duration * 0.999 <= rate[0] <= max(seconds) / duration * 1.001
    found = estimate(duration, MEDIA, {"media": rate}, "base")
    assert found is not None
    middle, low, high = found
    assert low <= middle <= high


def test_the_rate_follows_a_machine_that_became_faster() -> None:
    rate = None
    for spent in [100.0] * 20 + [10.0] * 20:
        rate = learn(rate, spent, 100)
    assert rate is not None
    assert rate[0] == pytest.approx(0.1, abs=0.02)
