"""If-None-Match, as RFC 9110 writes it."""

import pytest

from mediajobs.api.etags import matches


@pytest.mark.parametrize(
    "header", ['"a1"', 'W/"a1"', "*", " * ", '"b", "a1"', 'W/"b",W/"a1"', '"b" ,"a1",', '"x,y", "a1"']
)
def test_the_client_has_it(header: str) -> None:
    assert matches(header, '"a1"')
    assert matches(header, 'W/"a1"')


@pytest.mark.parametrize("header", ["", '"b"', '"A1"', "a1", '"xa1"', '"a1', '"b", *', '"x,a1"'])
def test_the_client_has_something_else_or_says_nothing_that_counts(header: str) -> None:
    assert not matches(header, '"a1"')


def test_a_long_header_is_read_in_no_time() -> None:
    assert not matches('"b",' * 5_000 + "x", '"a1"')
    assert not matches('"' + "b, " * 5_000, '"a1"')
