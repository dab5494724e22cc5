from collections.abc import Iterator

import pytest

from statemachine.tasks.speech_chunks import SAMPLE_RATE, Chunk, Span, ahead, pack
from statemachine.tasks.speech_languages import _most_likely

EN, DE = {"en": 0.97, "de": 0.02}, {"de": 0.97, "en": 0.02}
UNSURE = {"cy": 0.3, "de": 0.25, "en": 0.2}


@pytest.mark.parametrize(
    ("heard", "before", "languages"),
    [
        ([(EN, 8), (EN, 8), (DE, 4), (DE, 4)], None, "en en de de"),
        ([(EN, 8), (DE, 2), (EN, 8)], None, "en en en"),  # too short to be sure
        ([(EN, 8), (DE, 4), (DE, 4), (EN, 8)], None, "en de de en"),
        ([(EN, 8), (UNSURE, 3), (EN, 8)], None, "en en en"),
        ([(UNSURE, 3), (DE, 4)], "de", "de de"),
        ([(UNSURE, 3)], "en", "en"),
        ([(DE, 4)], "en", "de"),
    ],
)
def test_the_language_changes_where_that_is_sure(
    heard: list[tuple[dict[str, float], float]], before: str | None, languages: str
) -> None:
    assert _most_likely(heard, before) == languages.split()


def test_chunks_hold_up_to_thirty_seconds_and_know_their_times() -> None:
    spans = [Span(second * SAMPLE_RATE, (second + 8) * SAMPLE_RATE) for second in (1, 10, 30, 50, 70)]

    packed = list(pack(spans))

    assert [chunk.spans for chunk in packed] == [tuple(spans[:3]), tuple(spans[3:])]
    assert [chunk.offset for chunk in packed] == [0, 24]
    assert [packed[0].shift(seconds) for seconds in (0, 7.9, 8.1, 23)] == [1, 1, 2, 14]
    assert packed[1].shift(25) == 26


def test_work_ahead_is_bounded_and_in_order() -> None:
    taken: list[int] = []

    def items() -> Iterator[int]:
        for item in range(20):
            taken.append(item)
            yield item

    results = ahead(lambda item: item * 2, items(), threads=4, count=3)

    assert next(results) == 0
    assert len(taken) == 4
    assert list(results) == [item * 2 for item in range(1, 20)]


def test_a_piece_of_a_chunk_keeps_its_times() -> None:
    assert Chunk((Span(5 * SAMPLE_RATE, 9 * SAMPLE_RATE),), 3.0).shift(4) == 2
