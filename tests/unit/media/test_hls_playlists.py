"""HLS playlists."""

from mediajobs.media import hls_playlists
from mediajobs.media.manifests import Fragment, Output


def output(name: str, fragments: list[Fragment]) -> Output:
    return Output(
        name=name,
        key=f"outputs/1/{name}.mp4",
        size_bytes=1000,
        sha256="",
        content_type="video/mp4",
        width=640,
        height=360,
        duration_seconds=8,
        codecs="avc1.64001e,mp4a.40.2",
        peak_bandwidth=900_000,
        average_bandwidth=500_000,
        frame_rate=30000 / 1001,
        init_size=800,
        fragments=fragments,
    )


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


def test_the_master_playlist_tells_a_player_what_to_choose_by() -> None:
    lines = hls_playlists.master([output("360p", FRAGMENTS)], lambda name: f"{name}/playlist.m3u8").splitlines()
    assert lines[:3] == ["#EXTM3U", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS"]
    bandwidths = "BANDWIDTH=900000,AVERAGE-BANDWIDTH=500000"
    rest = 'RESOLUTION=640x360,CODECS="avc1.64001e,mp4a.40.2",FRAME-RATE=29.970'
    assert lines[3:] == [f"#EXT-X-STREAM-INF:{bandwidths},{rest}", "360p/playlist.m3u8"]


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
