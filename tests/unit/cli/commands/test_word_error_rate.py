"""The word error rate that the demo measures."""

import pytest

from infra.cli.commands.demo import word_error_rate

SAID = "Ask not what your country can do for you."


@pytest.mark.parametrize(
    ("heard", "wrong"),
    [
        ("ask NOT what — your country, can do for you!", 0),
        ("ask not what your county can do for you", 1),
        ("ask what your country can do for you", 1),
        ("and ask not what your country can do for you", 1),
        ("", 9),
    ],
)
def test_substitutions_omissions_and_insertions_count_and_signs_do_not(heard: str, wrong: int) -> None:
    assert word_error_rate(SAID, heard) == pytest.approx(wrong / 9)


def test_a_typographic_apostrophe_is_an_apostrophe() -> None:
    assert word_error_rate("don't stop", "don’t stop") == 0  # noqa: RUF001 (the point of it)


def test_a_line_break_parts_words_as_a_space_does() -> None:
    assert word_error_rate("ask not\nwhat your\n\ncountry can do", "ask not what your country\tcan\ndo") == 0
