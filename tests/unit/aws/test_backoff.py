"""Pauses between tries grow, are bounded, and are never in step with those of others."""

import random

import pytest

from mediajobs.aws import backoff


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The pauses, in seconds, that were asked for."""
    pauses: list[float] = []
    monkeypatch.setattr("mediajobs.aws.backoff.time.sleep", pauses.append)
    return pauses


def test_there_is_no_pause_before_the_first_try_and_none_after_the_last(slept: list[float]) -> None:
    assert list(backoff.attempts(3)) == [0, 1, 2]
    assert len(slept) == 2


def test_one_that_succeeds_at_once_does_not_wait(slept: list[float]) -> None:
    assert next(backoff.attempts(8)) == 0
    assert slept == []


def test_pauses_double_up_to_the_longest(slept: list[float], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(random, "uniform", lambda _least, most: most)
    list(backoff.attempts(6, first_pause=0.1, max_pause=0.5))
    assert slept == pytest.approx([0.1, 0.2, 0.4, 0.5, 0.5])


def test_a_pause_is_at_least_half_of_its_length_and_differs_from_time_to_time(slept: list[float]) -> None:
    for _ in range(50):
        list(backoff.attempts(2, first_pause=0.1))
    assert all(0.05 <= pause <= 0.1 for pause in slept)
    assert len(set(slept)) > 1
