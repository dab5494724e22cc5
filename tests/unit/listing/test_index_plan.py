"""The keys by which jobs are found and sorted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediajobs.jobs.index_keys import fold_case, keys_of
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job

JOB_ID = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
names = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\"), min_size=1, max_size=255)


def key(filename: str) -> str:
    moment = "2026-03-01T00:00:00.000Z"
    job = Job(
        job_id=JOB_ID, account="acme", status=Status.PENDING, filename=filename, created_at=moment, updated_at=moment
    )
    return str(keys_of(job)["filename_key"])


def test_a_name_comes_before_its_longer_ones() -> None:
    assert sorted(["talk 2.mp4", "talk", "Talk!", "talk"], key=key) == ["talk", "talk", "talk 2.mp4", "Talk!"]


@pytest.mark.parametrize(
    "character", ["x", "\N{CLAPPER BOARD}", "\N{GREEK SMALL LETTER IOTA WITH DIALYTIKA AND TONOS}"]
)
def test_the_longest_name_fits_into_a_sort_key(character: str) -> None:
    assert len(key(character * 255).encode()) <= 1024


@given(names, st.data())
def test_a_part_of_a_name_is_found_in_any_case(name: str, data: st.DataObject) -> None:
    first = data.draw(st.integers(0, len(name) - 1))
    part = name[first : data.draw(st.integers(first + 1, len(name)))]
    assert fold_case(part) in fold_case(name)


def test_the_final_sigma_is_a_sigma() -> None:
    assert fold_case("ΣΊΣ") in fold_case("ΣΊΣΥΦΟΣ.mov")
