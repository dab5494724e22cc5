"""One clock for streams whose timestamps jump."""

from dataclasses import dataclass
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from statemachine.tasks.decoder.timeline import BROADCAST_GAP_SECONDS, OTHER_GAP_SECONDS, Timeline

VIDEO, AUDIO = 0, 1
FRAME = 0.04


@dataclass
class Placed:
    """A timeline, fed packet by packet."""

    timeline: Timeline

    def run(self, stream: int, start: float, count: int = 25, duration: float = FRAME) -> list[float]:
        """Packets one after the other; their times on the timeline."""
        times = [start + number * duration for number in range(count)]
        return [time + self.timeline.offset(stream, time, time, duration) for time in times]


@pytest.fixture
def broadcast() -> Placed:
    return Placed(Timeline(BROADCAST_GAP_SECONDS))


def test_even_timestamps_stay(broadcast: Placed) -> None:
    assert broadcast.run(VIDEO, 100)[:2] == [100, 100.04]
    assert broadcast.timeline.jumps == 0
    assert broadcast.timeline.end == pytest.approx(101)


@pytest.mark.parametrize("restart", [50_000.0, 0.0, 5.0])
def test_a_restart_continues_where_the_source_had_come_to(broadcast: Placed, restart: float) -> None:
    broadcast.run(VIDEO, 10)
    assert broadcast.run(VIDEO, restart)[0] == pytest.approx(11)
    assert broadcast.timeline.jumps == 1


def test_both_streams_leap_by_the_same_offset(broadcast: Placed) -> None:
    broadcast.run(VIDEO, 10)
    broadcast.run(AUDIO, 10)
    assert broadcast.run(VIDEO, 500)[0] == pytest.approx(11)
    assert broadcast.run(AUDIO, 500.01)[0] == pytest.approx(11.01)
    assert broadcast.timeline.jumps == 1


def test_a_stream_that_leaps_later_first_ends_its_part(broadcast: Placed) -> None:
    broadcast.run(VIDEO, 10)
    broadcast.run(AUDIO, 10, count=20)
    broadcast.run(VIDEO, 500)
    assert broadcast.run(AUDIO, 10.8, count=5)[-1] == pytest.approx(10.96)
    assert broadcast.run(AUDIO, 500)[0] == pytest.approx(11)
    assert broadcast.timeline.jumps == 1


def test_a_pause_is_kept_where_the_container_may_mean_it() -> None:
    placed = Placed(Timeline(OTHER_GAP_SECONDS))
    placed.run(VIDEO, 0)
    assert placed.run(VIDEO, 300)[0] == 300
    assert placed.timeline.jumps == 0


def test_a_short_gap_is_one_in_a_broadcast_too(broadcast: Placed) -> None:
    broadcast.run(VIDEO, 0)
    assert broadcast.run(VIDEO, 6)[0] == 6


def test_times_of_presentation_go_back_without_a_jump(broadcast: Placed) -> None:
    """A container that tells no decode times, and one picture in two seconds that refers to later ones."""
    timeline = broadcast.timeline
    offsets = [timeline.offset(VIDEO, decoded, shown, 0.5) for decoded, shown in ((None, 0.0), (None, 1.5), (0.0, 0.5))]
    assert offsets == [0, 0, 0]
    assert timeline.jumps == 0


def test_a_return_without_decode_times_is_a_jump(broadcast: Placed) -> None:
    timeline = broadcast.timeline
    for second in range(60):
        timeline.offset(AUDIO, None, second, 1.0)
    assert timeline.offset(AUDIO, None, 0.0, 1.0) == 60
    assert timeline.jumps == 1


@given(
    starts=st.lists(st.floats(min_value=0, max_value=90_000), min_size=1, max_size=6),
    lengths=st.lists(st.integers(min_value=30, max_value=60), min_size=6, max_size=6),
    gap=st.sampled_from([BROADCAST_GAP_SECONDS, OTHER_GAP_SECONDS]),
)
def test_the_timeline_never_goes_back(starts: list[float], lengths: list[int], gap: float) -> None:
    placed = Placed(Timeline(gap))
    times: list[float] = []
    for start, count in zip(starts, lengths, strict=False):
        times += placed.run(VIDEO, start, count)
    steps = [after - before for before, after in pairwise(times)]
    assert min(steps, default=0) > -0.5
    assert max(steps, default=0) <= gap + FRAME + 1e-6


@given(
    offsets=st.lists(st.sampled_from([0.0, 50.0, 3_000.0, 50_000.0]), min_size=1, max_size=5),
    audio_first=st.booleans(),
)
def test_joined_parts_keep_picture_and_sound_together(offsets: list[float], *, audio_first: bool) -> None:
    placed = Placed(Timeline(BROADCAST_GAP_SECONDS))
    for number, offset in enumerate(offsets):
        order = [AUDIO, VIDEO] if audio_first else [VIDEO, AUDIO]
        starts = {stream: placed.run(stream, offset + 1.4, count=50)[0] for stream in order}
        assert starts[VIDEO] == pytest.approx(starts[AUDIO], abs=0.001)
        assert starts[VIDEO] - (offsets[0] + 1.4) == pytest.approx(2 * number, abs=0.001)
