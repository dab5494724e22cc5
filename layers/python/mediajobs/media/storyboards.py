"""Writes the WebVTT of a storyboard: which tile of which sheet shows which moment."""

from collections.abc import Iterator, Sequence

from mediajobs.media.manifests import Output, Tiles

MIN_SECONDS = 30.0  # a source that lasts longer has a storyboard unless its job says otherwise
TOO_SHORT = f"source lasts no longer than {MIN_SECONDS:.0f} s"
SHEET_PREFIX = "storyboard_"  # the name of a sheet is this and its number, from 1


def is_wanted(seconds: float, *, option: bool | None) -> bool:
    """Whether a source that lasts `seconds` gets a storyboard, by the option `storyboard` of its job."""
    return seconds > MIN_SECONDS if option is None else option


def sheet_name(number: int) -> str:
    """The name of a sheet's output; sheets count from 1."""
    return f"{SHEET_PREFIX}{number}"


def is_sheet(name: str) -> bool:
    """Whether an output of this name is a sheet."""
    return name.startswith(SHEET_PREFIX) and name.removeprefix(SHEET_PREFIX).isdecimal()


def sheets(outputs: Sequence[Output]) -> list[Output]:
    """The sheets among a job's outputs, in order of time."""
    return sorted((output for output in outputs if output.tiles is not None), key=_start)


def to_vtt(sheets: Sequence[Output], urls: Sequence[str], end: float) -> str:
    """WebVTT with one cue for each tile: the sheet's URL with `#xywh=x,y,w,h` (Media Fragments URI 1.0, in pixels).

    `urls` are those of the sheets. A tile is shown until the next one, the last one until `end` (seconds).
    """
    tiles = [tile for sheet, url in zip(sheets, urls, strict=True) if sheet.tiles for tile in _tiles(sheet.tiles, url)]
    ends = [start for start, _ in tiles[1:]] + [end]
    cues = [
        f"{_timestamp(start)} --> {_timestamp(until)}\n{url}\n"
        for (start, url), until in zip(tiles, ends, strict=False)
        if until > start
    ]
    return "\n".join(["WEBVTT\n", *cues])


def _tiles(tiles: Tiles, url: str) -> Iterator[tuple[float, str]]:
    """Yields the start of each tile in seconds, and its URL."""
    for number in range(tiles.count):
        row, column = divmod(number, tiles.columns)
        x, y = column * tiles.width, row * tiles.height
        yield tiles.start + number * tiles.interval, f"{url}#xywh={x},{y},{tiles.width},{tiles.height}"


def _start(sheet: Output) -> float:
    return sheet.tiles.start if sheet.tiles else 0.0


def _timestamp(seconds: float) -> str:
    minutes, milliseconds = divmod(round(seconds * 1000), 60_000)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{milliseconds // 1000:02}.{milliseconds % 1000:03}"
