"""The WebVTT of a storyboard."""

import io

import pytest
import webvtt

from mediajobs.media import storyboards
from mediajobs.media.manifests import Output, Tiles


def sheet(number: int, start: float, count: int, interval: float = 5.0) -> Output:
    return Output(
        name=storyboards.sheet_name(number),
        key=f"outputs/J/storyboard-{number}.jpg",
        size_bytes=10,
        sha256="",
        content_type="image/jpeg",
        tiles=Tiles(width=160, height=90, columns=3, count=count, interval=interval, start=start),
    )


def cues(sheets: list[Output], end: float) -> list[tuple[str, str, str]]:
    text = storyboards.to_vtt(sheets, [f"https://s3/{sheet.name}?X=1" for sheet in sheets], end)
    return [(cue.start, cue.end, cue.text) for cue in webvtt.from_buffer(io.StringIO(text)).captions]


def test_each_tile_is_a_cue_and_the_last_one_lasts_until_the_end() -> None:
    found = cues([sheet(1, 0, 4), sheet(2, 20, 2)], 3661.25)
    assert [(start, end) for start, end, _ in found] == [
        ("00:00:00.000", "00:00:05.000"),
        ("00:00:05.000", "00:00:10.000"),
        ("00:00:10.000", "00:00:15.000"),
        ("00:00:15.000", "00:00:20.000"),
        ("00:00:20.000", "00:00:25.000"),
        ("00:00:25.000", "01:01:01.250"),
    ]
    assert [url for _, _, url in found] == [
        "https://s3/storyboard_1?X=1#xywh=0,0,160,90",
        "https://s3/storyboard_1?X=1#xywh=160,0,160,90",
        "https://s3/storyboard_1?X=1#xywh=320,0,160,90",
        "https://s3/storyboard_1?X=1#xywh=0,90,160,90",
        "https://s3/storyboard_2?X=1#xywh=0,0,160,90",
        "https://s3/storyboard_2?X=1#xywh=160,0,160,90",
    ]


def test_a_tile_at_the_very_end_has_no_time_and_no_cue() -> None:
    assert [end for _, end, _ in cues([sheet(1, 0, 3)], 10.0)] == ["00:00:05.000", "00:00:10.000"]


def test_sheets_are_found_by_their_tiles_and_sorted_by_time() -> None:
    other = sheet(3, 0, 1).model_copy(update={"name": "thumbnail", "tiles": None})
    unordered = [sheet(10, 90, 1), other, sheet(2, 10, 1)]
    assert [found.name for found in storyboards.sheets(unordered)] == ["storyboard_2", "storyboard_10"]


@pytest.mark.parametrize(
    ("option", "seconds", "wanted"),
    [(None, 30.0, False), (None, 30.1, True), (True, 2.0, True), (False, 7200.0, False)],
)
def test_a_source_of_more_than_30_seconds_has_one_unless_its_job_says_otherwise(
    option: bool | None,  # noqa: FBT001
    seconds: float,
    wanted: bool,  # noqa: FBT001
) -> None:
    assert storyboards.is_wanted(seconds, option=option) is wanted
