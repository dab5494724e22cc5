"""Job tokens as text: whatever is not a token of this deployment is refused, and never a crash."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediajobs.accounts.job_tokens import ExpiredToken, InvalidToken, JobToken, sign, verify

SECRET = b"a secret"
JOB = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
NOW = 1_772_366_400
TOKEN = JobToken("AbCdEf012345", JOB, NOW + 60)
TEXT = sign(TOKEN, SECRET)
ids = st.text(string.digits + string.ascii_letters, min_size=12, max_size=12)


@given(key_id=ids, seconds=st.integers(1, 86_400), secret=st.binary(min_size=1, max_size=80))
def test_what_was_signed_is_read_until_it_expires(key_id: str, seconds: int, secret: bytes) -> None:
    token = JobToken(key_id, JOB, NOW + seconds)
    text = sign(token, secret)
    assert verify(text, secret, NOW + seconds - 1) == token
    with pytest.raises(ExpiredToken):
        verify(text, secret, NOW + seconds)


@given(st.one_of(st.text(), st.binary().map(lambda raw: raw.decode("latin-1")), st.text(string.printable)))
def test_any_text_is_refused(text: str) -> None:
    for attempt in (text, TEXT + text if text else "x", f"mjt1.{text}", f"mjt1.AbCdEf012345.{JOB}.{NOW + 60}.{text}"):
        with pytest.raises(InvalidToken):
            verify(attempt, SECRET, NOW)


@given(position=st.integers(0, len(TEXT) - 1), letter=st.characters())
def test_a_change_of_one_character_is_refused(position: int, letter: str) -> None:
    changed = TEXT[:position] + letter + TEXT[position + 1 :]
    if changed != TEXT:
        with pytest.raises(InvalidToken):
            verify(changed, SECRET, NOW)


@given(position=st.integers(0, len(TEXT)), letter=st.characters())
def test_one_character_more_or_less_is_refused(position: int, letter: str) -> None:
    for changed in (TEXT[:position] + letter + TEXT[position:], TEXT[:position] + TEXT[position + 1 :]):
        if changed != TEXT:
            with pytest.raises(InvalidToken):
                verify(changed, SECRET, NOW)


def test_the_parts_of_two_tokens_make_no_third() -> None:
    other = sign(JobToken("ZZZZZZZZZZZZ", JOB[::-1].replace("V", "7", 1), NOW + 9_000), SECRET).split(".")
    mine = TEXT.split(".")
    for part in range(1, 4):
        mixed = mine[:part] + other[part : part + 1] + mine[part + 1 :]
        with pytest.raises(InvalidToken):
            verify(".".join(mixed), SECRET, NOW)


@pytest.mark.parametrize("secret", [b"", b"another", SECRET + b"x"])
def test_another_deployments_token_is_refused(secret: bytes) -> None:
    with pytest.raises(InvalidToken):
        verify(sign(TOKEN, secret), SECRET, NOW)


def test_the_account_and_the_secret_are_not_in_it() -> None:
    assert TEXT.startswith(f"mjt1.AbCdEf012345.{JOB}.{NOW + 60}.")
    assert len(TEXT) < 120
    assert set(TEXT) <= set(string.ascii_letters + string.digits + "._-")  # needs no escape in a query
