"""A hundred random recordings, each judged by what is known of it. More by `python -m tests.load.random_recordings`."""

from pathlib import Path

import pytest

from mediajobs.storage.bucket_store import MediaBucket
from tests.support import recording_judge
from tests.support.recordings import random_recording

COUNT, GROUP = 100, 10


def test_a_seed_gives_the_same_recording_again() -> None:
    assert [random_recording(seed) for seed in range(50)] == [random_recording(seed) for seed in range(50)]


@pytest.mark.parametrize("first", range(0, COUNT, GROUP))
def test_outputs_are_as_the_recording_is(bucket: MediaBucket, tmp_path: Path, first: int) -> None:
    problems = {}
    for seed in range(first, first + GROUP):
        folder = tmp_path / str(seed)
        folder.mkdir()
        if found := recording_judge.process(random_recording(seed), bucket, folder):
            problems[seed] = [repr(random_recording(seed)), *found]
    assert problems == {}
