"""Attributes of items as Python values, and back."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediajobs.aws.dynamodb import from_attribute, from_item, to_attribute, to_item

SCALARS = st.text() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = SCALARS | st.frozensets(st.text(), min_size=1) | st.lists(SCALARS)


@given(VALUES)
def test_a_value_comes_back_as_it_was(value: Any) -> None:
    assert from_attribute(to_attribute(value)) == value


@pytest.mark.parametrize(
    ("value", "attribute"),
    [
        ("a", {"S": "a"}),
        (True, {"BOOL": True}),
        (7, {"N": "7"}),
        (1.5, {"N": "1.5"}),
        ({"b", "a"}, {"SS": ["a", "b"]}),
        (["a", 1], {"L": [{"S": "a"}, {"N": "1"}]}),
    ],
)
def test_each_type_is_written_as_dynamodb_has_it(value: Any, attribute: dict[str, Any]) -> None:
    assert to_attribute(value) == attribute


def test_an_item_is_written_without_what_is_none() -> None:
    assert to_item({"a": 1, "b": None}) == {"a": {"N": "1"}}
    assert from_item({"a": {"N": "1"}, "b": {"NULL": True}}) == {"a": 1, "b": None}
    assert from_item(None) == {}


@pytest.mark.parametrize("value", [b"bytes", {"a": 1}, object()])
def test_a_value_of_another_type_is_refused(value: Any) -> None:
    with pytest.raises(TypeError):
        to_attribute(value)
