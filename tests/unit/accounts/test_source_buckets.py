"""Which objects an account's entries cover, and the paths that are meant to lead beside them."""

import posixpath
from urllib.parse import unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediajobs.accounts.source_buckets import InvalidLocation, S3Object, is_allowed, parse_entry, parse_url

BUCKETS = st.from_regex(r"[a-z0-9][a-z0-9.-]{1,20}[a-z0-9]", fullmatch=True)
SEGMENTS = st.text(st.characters(categories=["L", "N", "P", "S"], exclude_characters="/\\%"), min_size=1, max_size=8)
PATHS = st.lists(SEGMENTS.filter(lambda segment: segment not in (".", "..")), min_size=1, max_size=4).map("/".join)
TRICKS = st.lists(
    st.sampled_from(["a", "ab", "..", ".", "", "%2e%2e", "%2E", "%252e%252e", "%2f", "%5c", "\\", "..%2f", "b", "/"]),
    min_size=1,
    max_size=8,
).map("/".join)


@pytest.mark.parametrize(
    ("url", "entries", "allowed"),
    [
        ("s3://studio/a/film", {"studio"}, True),
        ("s3://studio/a/film", {"studio/a"}, True),
        ("s3://studio/a/b/film", {"studio/a"}, True),
        ("s3://studio/a", {"studio/a"}, True),
        ("s3://studio/ab/film", {"studio/a"}, False),
        ("s3://studio/a.film", {"studio/a"}, False),
        ("s3://studio/A/film", {"studio/a"}, False),
        ("s3://studio2/a/film", {"studio"}, False),
        ("s3://studio/film", {"studio/a", "other"}, False),
        ("s3://studio/film", set(), False),
        ("s3://studio/takes/last one #7?.mov", {"studio/takes"}, True),
        ("s3://studio/caf%C3%A9/film", {"studio/café"}, False),  # keys are taken literally
    ],
)
def test_an_entry_covers_what_is_below_it(url: str, entries: set[str], *, allowed: bool) -> None:
    assert is_allowed(parse_url(url), entries) is allowed


@pytest.mark.parametrize(
    "url",
    [
        "s3://studio/a/../b/film",
        "s3://studio/a/./film",
        "s3://studio/..",
        "s3://studio//a/film",
        "s3://studio/a//film",
        "s3://studio/a/",
        "s3://studio/a/%2e%2e/b",
        "s3://studio/a/%252E%252e/b",
        "s3://studio/a%2f..%2fb",
        "s3://studio/a/..\\b",
        "s3://studio/a\\..\\b",
        "s3://studio/a\x00b",
        "s3://studio/a\nb",
        "s3://studio/" + "a" * 1025,
        "s3://studio",
        "s3://studio/",
        "s3:///a",
        "s3:studio/a",
        "S3://studio/a",
        "s3://me@studio/a",
        "s3://studio:80/a",
        "s3://Studio/a",
        "s3://*/a",
        "s3://arn:aws:s3:eu-west-1:123456789012:accesspoint/a/b",
        "https://studio/a",
    ],
)
def test_what_is_ambiguous_or_no_object_is_refused(url: str) -> None:
    with pytest.raises(InvalidLocation, match=r"Write|at most"):
        parse_url(url)


@pytest.mark.parametrize(
    "text", ["", "/", "*", "studio/*/../x", "s3://studio", "studio//a", "studio/../a", "Studio", "a", "studio/./"]
)
def test_what_is_no_entry_is_refused(text: str) -> None:
    with pytest.raises(InvalidLocation):
        parse_entry(text)


def test_an_entry_has_one_form() -> None:
    assert parse_entry("studio/") == parse_entry("studio") == "studio"
    assert parse_entry("studio/takes/") == "studio/takes"


@given(BUCKETS, PATHS, PATHS)
def test_all_that_lies_below_an_entry_is_allowed(bucket: str, prefix: str, rest: str) -> None:
    source = parse_url(f"s3://{bucket}/{prefix}/{rest}")
    assert source == S3Object(bucket, f"{prefix}/{rest}")
    for entry in (bucket, f"{bucket}/{prefix}", f"{bucket}/{prefix}/", f"{bucket}/{prefix}/{rest}"):
        assert is_allowed(source, {parse_entry(entry)})


@given(BUCKETS, PATHS, SEGMENTS)
def test_a_prefix_ends_at_a_slash(bucket: str, prefix: str, more: str) -> None:
    assert not is_allowed(S3Object(bucket, f"{prefix}{more}/film"), {parse_entry(f"{bucket}/{prefix}")})
    assert not is_allowed(S3Object(f"{bucket}{more}", "film"), {bucket})


@given(TRICKS)
def test_what_is_accepted_below_an_entry_stays_there_however_it_is_resolved(key: str) -> None:
    try:
        source = parse_url(f"s3://studio/a/{key}")
    except InvalidLocation:
        return
    for path in (source.key, unquote(source.key), unquote(unquote(source.key))):
        assert posixpath.normpath("/" + path.replace("\\", "/")).startswith("/a/")
