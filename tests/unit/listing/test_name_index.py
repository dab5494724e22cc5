from hypothesis import example, given
from hypothesis import strategies as st

from mediajobs.listing import name_index

names = st.text(st.sampled_from("abä🎬.~"), min_size=1, max_size=255)
LONGEST = "🎬" * 255  # 1,020 bytes


def found(word: str, entries: set[tuple[str, str]]) -> set[str]:
    """As the table answers: one partition, by the beginning of the sort key."""
    part, beginning = name_index.partition("acme", word), name_index.truncate(word)
    return {name_index.job_of(entry) for place, entry in entries if place == part and entry.startswith(beginning)}


@given(name=names, words=st.lists(st.text(st.sampled_from("abä🎬."), min_size=1, max_size=4), max_size=5))
@example(name="banana", words=["an", "banana", "bananas", "b", "nab"])
def test_a_name_is_found_by_every_part_of_it_and_by_nothing_else(name: str, words: list[str]) -> None:
    entries = name_index.entries("acme", "J", name)
    for word in [*words, name, name[len(name) // 2 :], name[:-1] or name]:
        assert found(word, entries) == ({"J"} if word in name or len(word.encode()) > 800 else set())


@given(name=names)
@example(name=LONGEST)
def test_keys_are_as_short_as_the_table_wants_them(name: str) -> None:
    for part, entry in name_index.entries("a" * 64, "0" * 26, name):
        assert len(part.encode()) <= 2048
        assert len(entry.encode()) <= 1024


def test_suffixes_that_are_equal_as_far_as_they_are_kept_are_one_entry() -> None:
    assert len(name_index.entries("acme", "J", LONGEST)) == 200
    assert found(LONGEST, name_index.entries("acme", "J", LONGEST)) == {"J"}


def test_no_name_has_a_slash() -> None:
    assert not name_index.is_possible("a/b")
    assert name_index.is_possible("a b")
