"""The bitrate ladder."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediajobs.media import ladder
from mediajobs.media.options import Options
from mediajobs.media.source import AudioFacts, SourceFacts, VideoFacts

AUDIO = AudioFacts(index=1, codec="aac", channels=2, sample_rate=48000)


def source(width: int = 1920, height: int = 1080, frame_rate: float = 25.0, *, sound: bool = True) -> SourceFacts:
    video = VideoFacts(
        index=0,
        codec="h264",
        width=width,
        height=height,
        rotation=0,
        frame_rate=frame_rate,
        pix_fmt="yuv420p",
        hdr=False,
        variable_frame_rate=False,
    )
    return SourceFacts(
        container="mp4", duration_seconds=60, size_bytes=1, sha256="", video=video, audio=AUDIO if sound else None
    )


def sizes(width: int, height: int) -> dict[str, tuple[int, int]]:
    plan = ladder.plan(source(width, height), Options())
    return {rendition.name: (rendition.size.width, rendition.size.height) for rendition in plan.renditions}


@pytest.mark.parametrize(
    ("shown", "made"),
    [
        ((1920, 1080), {"720p": (1280, 720), "360p": (640, 360)}),
        ((1080, 1920), {"720p": (720, 1280), "360p": (360, 640)}),
        ((1280, 720), {"720p": (1280, 720), "360p": (640, 360)}),
        ((1000, 1000), {"720p": (720, 720), "360p": (360, 360)}),
        ((3840, 1608), {"720p": (1280, 536), "360p": (640, 268)}),
        ((1280, 544), {"720p": (1280, 544), "360p": (640, 272)}),
        ((544, 1280), {"720p": (544, 1280), "360p": (272, 640)}),
        ((640, 352), {"360p": (640, 352)}),
        ((641, 361), {"360p": (640, 360)}),
        ((1279, 720), {"720p": (1278, 720), "360p": (640, 360)}),
        ((1278, 718), {"360p": (640, 360)}),
        ((640, 359), {"360p": (640, 358)}),
        ((320, 240), {"360p": (320, 240)}),
        ((200, 1200), {"360p": (106, 640)}),
    ],
)
def test_a_rendition_fits_into_the_frame_of_its_rung(shown: tuple[int, int], made: dict[str, tuple[int, int]]) -> None:
    assert sizes(*shown) == made


@given(width=st.integers(64, 8192), height=st.integers(64, 8192))
def test_sizes_are_even_keep_the_aspect_and_never_grow(width: int, height: int) -> None:
    for made_width, made_height in sizes(width, height).values():
        assert made_width % 2 == made_height % 2 == 0
        assert (made_width, made_height) <= (width, height)
        assert abs(made_width * height - made_height * width) <= width + height  # a pixel on either side


def reasons(facts: SourceFacts, options: Options | None = None) -> dict[str, str]:
    return {absent.name: absent.reason for absent in ladder.plan(facts, options or Options()).absent}


def test_what_is_too_large_for_the_source_is_absent_with_the_reason() -> None:
    assert reasons(source(640, 360)) == {"720p": "source is smaller than 720p"}
    assert reasons(source(640, 360), Options(renditions=["1080p"])) == {}
    assert reasons(source(320, 180), Options(renditions=["1080p", "240p", "480p"])) == {
        "480p": "source is smaller than 480p",
        "1080p": "source is smaller than 1080p",
    }


def test_a_source_without_audio_has_no_audio_to_extract() -> None:
    plan = ladder.plan(source(sound=False), Options())
    assert not plan.audio
    assert reasons(source(sound=False)) == {"audio": "source has no audio"}


def test_audio_alone_gives_no_pictures() -> None:
    facts = source().model_copy(update={"video": None})
    plan = ladder.plan(facts, Options())
    assert (plan.renditions, plan.thumbnail, plan.hls, plan.audio) == ((), None, True, True)
    assert reasons(facts) == dict.fromkeys(["360p", "720p", "thumbnail", "storyboard"], "source has no video")


def test_what_nobody_asked_for_is_neither_made_nor_absent() -> None:
    nothing = Options(renditions=[], audio=False, thumbnail=False, storyboard=False, hls=False)
    plan = ladder.plan(source(320, 180, sound=False), nothing)
    assert not plan.outputs
    assert plan.absent == ()


@pytest.mark.parametrize(
    ("measured", "made"),
    [
        (30000 / 1001, Fraction(30000, 1001)),
        (24000 / 1001, Fraction(24000, 1001)),
        (25.0, Fraction(25)),
        (12.5, Fraction(25, 2)),
        (120.0, Fraction(60)),
        (0.0001, Fraction(1)),
    ],
)
def test_the_frame_rate_is_an_exact_fraction_of_from_1_to_60(measured: float, made: Fraction) -> None:
    assert ladder.plan(source(frame_rate=measured), Options()).frame_rate == made


def test_high_frame_rates_get_more_bits() -> None:
    slow, fast = (
        ladder.plan(source(frame_rate=rate), Options()).renditions[0].rate_control.max_bitrate for rate in (30, 60)
    )
    assert fast == 1.5 * slow


@pytest.mark.parametrize(
    ("shown", "made"), [((3840, 2160), (1280, 720)), ((720, 1280), (720, 1280)), ((99, 51), (98, 50))]
)
def test_the_thumbnail_is_at_most_1280_wide(shown: tuple[int, int], made: tuple[int, int]) -> None:
    assert ladder.plan(source(*shown), Options()).thumbnail == ladder.Size(*made)


@given(seconds=st.floats(0.04, 50_000), rate=st.sampled_from([1.0, 12.5, 24000 / 1001, 25.0, 30000 / 1001, 60.0]))
def test_a_storyboard_has_a_tile_for_every_interval_that_has_a_picture(seconds: float, rate: float) -> None:
    facts = source(frame_rate=rate).model_copy(update={"duration_seconds": seconds})
    planned = ladder.plan(facts, Options(storyboard=True))
    assert planned.storyboard is not None
    assert planned.frame_rate is not None
    pictures = max(1, round(seconds * planned.frame_rate))
    interval = planned.storyboard.interval * float(planned.frame_rate)
    count = planned.storyboard.count
    assert (count - 1) * interval - 2e-6 <= pictures - 1 < count * interval
