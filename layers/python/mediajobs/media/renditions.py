"""The table of renditions. A new rendition is one entry; everything else about renditions is derived from it."""

from collections.abc import Collection
from dataclasses import dataclass


@dataclass(frozen=True)
class Rung:
    """One rung of the bitrate ladder, which is one rendition.

    `short_side` is in pixels, of a frame of 16:9; `max_bitrate` (bit/s) caps it at up to 30 frames/s. A job makes it
    unless its options say otherwise where it is `by_default`; every document then has it, made or not.
    """

    name: str
    short_side: int
    max_bitrate: int
    by_default: bool = False

    @property
    def task(self) -> str:
        return f"transcode_{self.name}"

    @property
    def seconds_field(self) -> str:
        """What `processing_time` calls the seconds that its task took."""
        return f"{self.task}_seconds"

    @property
    def weight(self) -> int:
        """Its task's share of a job's progress: 25, and above 720p more, in proportion to the pixels."""
        return round(25 * max(1.0, self.short_side / 720) ** 2)


# By name, the smallest first. A new rendition is one entry more.
RENDITIONS = {
    rung.name: rung
    for rung in (
        Rung("240p", short_side=240, max_bitrate=400_000),
        Rung("360p", short_side=360, max_bitrate=1_000_000, by_default=True),
        Rung("480p", short_side=480, max_bitrate=1_600_000),
        Rung("720p", short_side=720, max_bitrate=3_500_000, by_default=True),
        Rung("1080p", short_side=1080, max_bitrate=6_000_000),
        Rung("1440p", short_side=1440, max_bitrate=10_000_000),
        Rung("2160p", short_side=2160, max_bitrate=18_000_000),
    )
}


DEFAULT_RENDITIONS = [rung.name for rung in RENDITIONS.values() if rung.by_default]


def documented_renditions(names: Collection[str]) -> list[str]:
    """The renditions that documents have: those that are made by default, and those of `names`."""
    return [rung.name for rung in RENDITIONS.values() if rung.by_default or rung.name in names]
