from hypothesis import given
from hypothesis import strategies as st
from ulid import ULID

from mediajobs.accounts.api_keys import assemble_key, split_key
from mediajobs.ids import is_job_id

letters = st.text("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz")


@given(letters.filter(lambda text: len(text) >= 12).map(lambda text: text[:12]), st.data())
def test_a_key_comes_apart_as_it_was_put_together(key_id: str, data: st.DataObject) -> None:
    random = data.draw(st.text("abcXYZ019", min_size=32, max_size=32))
    parts = split_key(assemble_key(key_id, random))
    assert parts is not None
    assert (parts[0], parts[1][:32]) == (key_id, random)


@given(st.data())
def test_one_wrong_character_is_noticed_without_a_database(data: st.DataObject) -> None:
    key = assemble_key("a" * 12, "b" * 32)
    place = data.draw(st.integers(3, len(key) - 1).filter(lambda index: key[index] != "_"))
    other = data.draw(st.sampled_from("0123456789xyzXYZ").filter(lambda letter: letter != key[place]))
    assert split_key(key[:place] + other + key[place + 1 :]) is None


@given(st.text(max_size=60))
def test_nonsense_is_no_key(text: str) -> None:
    assert split_key(text) is None


def test_job_ids_are_ulids() -> None:
    assert is_job_id(str(ULID()))
    assert not is_job_id("8" * 26)
    assert not is_job_id("01ARZ3NDEKTSV4RRFFQ69G5FA")
    assert not is_job_id("01arz3ndektsv4rrffq69g5fav")
