"""HLS playlists."""

from typing import Any

import m3u8
import pytest

from mediajobs.media import hls_playlists
from mediajobs.media.hls_playlists import Captions
from mediajobs.media.manifests import Fragment, Output
from tests.support import hls_rules


def output(name: str, fragments: list[Fragment], **fields: Any) -> Output:
    values = {
        "name": name,
        "key": f"outputs/1/{name}.mp4",
        "size_bytes": 1000,
        "sha256": "",
        "content_type": "video/mp4",
        "width": 640,
        "height": 360,
        "duration_seconds": 8,
        "codecs": "avc1.64001e,mp4a.40.2",
        "peak_bandwidth": 900_000,
        "average_bandwidth": 500_000,
        "frame_rate": 30000 / 1001,
        "init_size": 800,
        "fragments": fragments,
    }
    return Output.model_validate(values | fields)


def rendition(name: str, height: int, size: int, **fields: Any) -> Output:
    """Ten seconds in three fragments; `size` in bytes is that of the longer ones. Its bandwidths are measured."""
    fragments = [
        Fragment(offset=800, size=size, duration=4.0, keyframe_size=size // 4),
        Fragment(offset=800 + size, size=size, duration=4.0, keyframe_size=size // 5),
        Fragment(offset=800 + 2 * size, size=size // 2, duration=2.0, keyframe_size=size // 8),
    ]
    measured = {
        "peak_bandwidth": hls_playlists.peak_bandwidth(fragments),
        "average_bandwidth": hls_playlists.average_bandwidth(fragments),
    }
    return output(name, fragments, width=height * 16 // 9, height=height, **measured | fields)


def sound(size: int = 60_000) -> Output:
    made = rendition("hls_audio", 360, size, codecs="mp4a.40.2", content_type="audio/mp4")
    fragments = [fragment.model_copy(update={"keyframe_size": None}) for fragment in made.fragments]
    no_picture = dict.fromkeys(("width", "height", "frame_rate"))
    return made.model_copy(update=no_picture | {"fragments": fragments})


ENGLISH = Captions("en", "English")
EVERYTHING = [rendition("360p", 360, 400_000), rendition("720p", 720, 1_500_000), sound()]


def presentation(outputs: list[Output], captions: Captions | None) -> dict[str, str]:
    """Every playlist by its URI, as the service makes them."""
    target = hls_playlists.target_duration(outputs)
    texts = {"master.m3u8": hls_playlists.master(outputs, str, captions)}
    texts |= {hls_playlists.media_path(o.name): hls_playlists.media(o, f"https://s3/{o.key}", target) for o in outputs}
    texts |= {
        hls_playlists.iframes_path(o.name): hls_playlists.iframes(o, f"https://s3/{o.key}")
        for o in outputs
        if hls_playlists.has_iframes(o)
    }
    if captions:
        texts[hls_playlists.captions_path(captions.language)] = hls_playlists.captions("https://s3/t.vtt", 10.0)
    return texts | {"https://s3/t.vtt": "WEBVTT\n"}


def violations(texts: dict[str, str]) -> list[str]:
    return hls_rules.violations("https://api/master.m3u8", lambda uri: texts[uri.removeprefix("https://api/")])


FRAGMENTS = [Fragment(offset=800, size=50, duration=4.004), Fragment(offset=850, size=20, duration=1.5)]


def test_the_media_playlist_addresses_the_one_file_by_ranges() -> None:
    assert hls_playlists.media(output("360p", FRAGMENTS), "https://s3/360p.mp4?X=1").splitlines() == [
        "#EXTM3U",
        "#EXT-X-VERSION:7",
        "#EXT-X-TARGETDURATION:4",
        "#EXT-X-MEDIA-SEQUENCE:0",
        "#EXT-X-PLAYLIST-TYPE:VOD",
        "#EXT-X-INDEPENDENT-SEGMENTS",
        '#EXT-X-MAP:URI="https://s3/360p.mp4?X=1",BYTERANGE="800@0"',
        "#EXTINF:4.004000,",
        "#EXT-X-BYTERANGE:50@800",
        "https://s3/360p.mp4?X=1",
        "#EXTINF:1.500000,",
        "#EXT-X-BYTERANGE:20@850",
        "https://s3/360p.mp4?X=1",
        "#EXT-X-ENDLIST",
    ]


def test_the_master_playlist_of_an_earlier_version_tells_a_player_what_to_choose_by() -> None:
    lines = hls_playlists.master([output("360p", FRAGMENTS)], str).splitlines()
    assert lines[:3] == ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    bandwidths = 'BANDWIDTH=900000,AVERAGE-BANDWIDTH=500000,CODECS="avc1.64001e,mp4a.40.2"'
    picture = "RESOLUTION=640x360,FRAME-RATE=29.970,VIDEO-RANGE=SDR"
    assert lines[3:] == [f"#EXT-X-STREAM-INF:{bandwidths},{picture},CLOSED-CAPTIONS=NONE", "360p/playlist.m3u8"]


def test_the_master_playlist_has_captions_the_sound_alone_and_iframes() -> None:
    master = m3u8.loads(hls_playlists.master(EVERYTHING, lambda path: f"{path}?api_key=k", ENGLISH))
    (captions,) = master.media
    assert (captions.type, captions.name, captions.language, captions.uri) == (
        "SUBTITLES", "English", "en", "captions/en.m3u8?api_key=k",
    )  # fmt: skip
    assert (captions.autoselect, captions.default, captions.forced) == ("YES", "NO", "NO")
    assert [variant.uri for variant in master.playlists] == [
        f"{name}/playlist.m3u8?api_key=k" for name in ("360p", "720p", "audio")
    ]
    assert {variant.stream_info.subtitles for variant in master.playlists} == {captions.group_id}
    assert (master.playlists[2].stream_info.codecs, master.playlists[2].stream_info.resolution) == ("mp4a.40.2", None)
    assert [entry.uri for entry in master.iframe_playlists] == [
        f"{name}/iframes.m3u8?api_key=k" for name in ("360p", "720p")
    ]
    assert {entry.iframe_stream_info.codecs for entry in master.iframe_playlists} == {"avc1.64001e"}


@pytest.mark.parametrize("captions", [ENGLISH, None])
@pytest.mark.parametrize(
    "outputs",
    [
        EVERYTHING,
        [rendition("720p", 720, 1_500_000, codecs="avc1.64001f")],  # a silent film
        [sound()],  # a podcast
        [rendition("2160p", 2160, 9_000_000, codecs="avc1.640033,mp4a.40.2"), sound()],
    ],
)
def test_every_presentation_obeys_the_rules(outputs: list[Output], captions: Captions | None) -> None:
    assert violations(presentation(outputs, captions)) == []


@pytest.mark.parametrize(
    ("path", "old", "new", "said"),
    [
        ("master.m3u8", "#EXT-X-INDEPENDENT-SEGMENTS\n", "", "independent"),
        ("master.m3u8", ",CLOSED-CAPTIONS=NONE", "", "CLOSED-CAPTIONS"),
        ("master.m3u8", ",VIDEO-RANGE=SDR", "", "VIDEO-RANGE"),
        ("master.m3u8", "FRAME-RATE=29.970", "FRAME-RATE=90.000", "FRAME-RATE"),
        ("master.m3u8", ',SUBTITLES="subs"', "", "groups"),
        ("master.m3u8", "AUTOSELECT=YES", "AUTOSELECT=NO", "automatically"),
        ("master.m3u8", 'LANGUAGE="en"', 'LANGUAGE="english"', "LANGUAGE"),
        ("master.m3u8", "avc1.64001e", "avc1.64003e", "CODECS"),
        ("360p/playlist.m3u8", "#EXT-X-TARGETDURATION:4", "#EXT-X-TARGETDURATION:3", "segment of 4.0 s"),
        ("360p/playlist.m3u8", "#EXT-X-TARGETDURATION:4", "#EXT-X-TARGETDURATION:5", "target durations"),
        ("360p/playlist.m3u8", "#EXT-X-ENDLIST\n", "", "no end"),
        ("360p/playlist.m3u8", "400000@800", "400001@800", "beyond"),
        ("360p/playlist.m3u8", "400000@400800", "900@400800", "average"),
        ("360p/iframes.m3u8", "100000@800", "100000@900", "do not begin"),
        ("360p/iframes.m3u8", "#EXT-X-I-FRAMES-ONLY\n", "", "I-frames alone"),
        ("captions/en.m3u8", "#EXTINF:10.0", "#EXTINF:3.0", "lasts 3.0 s"),
    ],
)
def test_the_rules_find_what_is_wrong(path: str, old: str, new: str, said: str) -> None:
    texts = presentation(EVERYTHING, ENGLISH)
    assert old in texts[path]
    found = violations(texts | {path: texts[path].replace(old, new)})
    assert any(said in sentence for sentence in found), found


def test_a_missing_sound_or_missing_iframes_are_found() -> None:
    fragments = [fragment.model_copy(update={"keyframe_size": None}) for fragment in EVERYTHING[0].fragments]
    found = violations(presentation([EVERYTHING[0].model_copy(update={"fragments": fragments})], None))
    assert [sentence.partition(":")[0] for sentence in found] == ["master", "master"]
    assert "I-frames" in found[0]
    assert "bit/s" in found[1]


def test_the_captions_are_one_segment_that_lasts_as_long_as_the_video() -> None:
    playlist = m3u8.loads(hls_playlists.captions("https://s3/t.vtt?X=1", 3661.5))
    assert [(segment.uri, segment.duration) for segment in playlist.segments] == [("https://s3/t.vtt?X=1", 3661.5)]
    assert (playlist.target_duration, playlist.playlist_type.upper(), playlist.is_endlist) == (3662, "VOD", True)


def test_no_segment_is_longer_than_the_target_duration_when_rounded() -> None:
    odd = output("360p", [Fragment(offset=0, size=1, duration=4.5)])
    assert "#EXT-X-TARGETDURATION:5" in hls_playlists.media(odd, "x")


def test_a_short_last_segment_does_not_make_the_peak() -> None:
    steady = [Fragment(offset=0, size=500_000, duration=4.0), Fragment(offset=0, size=500_000, duration=4.0)]
    end = Fragment(offset=0, size=100_000, duration=0.04)
    assert hls_playlists.peak_bandwidth([*steady, end]) == round(600_000 * 8 / 4.04 + 0.5)
    assert hls_playlists.peak_bandwidth(steady) == hls_playlists.average_bandwidth(steady) == 1_000_000


def test_a_single_short_segment_has_its_own_bandwidth() -> None:
    assert hls_playlists.peak_bandwidth([Fragment(offset=0, size=1000, duration=0.5)]) == 16_000
