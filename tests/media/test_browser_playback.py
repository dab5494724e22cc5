"""HLS as this project writes it, of files that ffmpeg made, played by hls.js in a browser."""

import subprocess
from pathlib import Path

import pytest

from mediajobs.media import hls_playlists
from mediajobs.media.fragment_index import FragmentIndex
from mediajobs.media.hls_playlists import Captions
from mediajobs.media.manifests import Output
from tests.support import hls_player, hls_rules
from tests.support.hls_player import File
from tests.support.waiting import HANG_SECONDS

pytestmark = hls_player.NO_BROWSER
SECONDS, FRAME_RATE = 12, 25
PLAYLIST = "application/vnd.apple.mpegurl"
FRAGMENTED = "frag_keyframe+empty_moov+default_base_moof+delay_moov+skip_trailer"
CAPTIONS = "WEBVTT\n\n00:00:01.000 --> 00:00:04.000\nOne.\n\n00:00:06.000 --> 00:00:11.000\nTwo &amp; three.\n"


def made(name: str, *codecs: str) -> tuple[Output, bytes]:
    """A file of 12 s as a fragmented MP4, and its description as the media task gives it."""
    sources = f"-f lavfi -i testsrc2=s=320x180:r={FRAME_RATE}:d={SECONDS} -f lavfi -i sine=d={SECONDS}"
    command = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "error",
        *sources.split(),
        *codecs,
        "-f",
        "mp4",
        "-movflags",
        FRAGMENTED,
        "-",
    ]
    body = subprocess.run(command, check=True, capture_output=True, timeout=HANG_SECONDS).stdout
    index = FragmentIndex()
    index.feed(body)
    picture = {"width": 320, "height": 180, "frame_rate": FRAME_RATE} if "avc1" in index.codecs else {}
    values = {
        "name": name, "key": name, "size_bytes": len(body), "sha256": "", "content_type": "video/mp4",
        "codecs": index.codecs, "init_size": index.init_size, "fragments": index.fragments,
        "peak_bandwidth": hls_playlists.peak_bandwidth(index.fragments),
        "average_bandwidth": hls_playlists.average_bandwidth(index.fragments),
    }  # fmt: skip
    return Output.model_validate(values | picture), body


def published(made: list[tuple[Output, bytes]], captions: Captions | None) -> dict[str, File]:
    """Everything that a player asks for, by path."""
    outputs = [output for output, _ in made]
    target = hls_playlists.target_duration(outputs)
    texts = {"master.m3u8": hls_playlists.master(outputs, str, captions)}
    for output in outputs:
        texts[hls_playlists.media_path(output.name)] = hls_playlists.media(output, f"/{output.name}.mp4", target)
        if hls_playlists.has_iframes(output):
            texts[hls_playlists.iframes_path(output.name)] = hls_playlists.iframes(output, f"/{output.name}.mp4")
    if captions:
        texts[hls_playlists.captions_path(captions.language)] = hls_playlists.captions("/captions.vtt", SECONDS)
    files = {f"/{path}": File(PLAYLIST, text.encode()) for path, text in texts.items()}
    files |= {f"/{output.name}.mp4": File("video/mp4", body) for output, body in made}
    return files | {"/captions.vtt": File("text/vtt", CAPTIONS.encode())}


@pytest.fixture(scope="module")
def rendition() -> tuple[Output, bytes]:
    return made("180p", *["-c:v", "libx264", "-g", "100", "-sc_threshold", "0", "-c:a", "aac", "-ac", "1"])


@pytest.fixture(scope="module")
def sound() -> tuple[Output, bytes]:
    return made("hls_audio", *["-map", "1:a", "-c:a", "aac", "-ac", "1", "-frag_duration", "4000000"])


@pytest.mark.parametrize("captions", [Captions("en", "English"), None])
def test_a_film_plays_to_its_last_frame_with_captions(
    rendition: tuple[Output, bytes], sound: tuple[Output, bytes], captions: Captions | None, tmp_path: Path
) -> None:
    files = published([rendition, sound], captions)
    assert hls_rules.violations("http://x/master.m3u8", lambda uri: read(files, uri)) == []
    playback = hls_player.play("/master.m3u8", tmp_path, files=files)
    assert playback.errors == []
    assert playback.end["time"] == pytest.approx(SECONDS, abs=0.1)
    assert playback.end["lastFrame"] == pytest.approx(SECONDS - 1 / FRAME_RATE, abs=0.5)
    (parsed,) = playback.of("parsed")
    assert parsed["levels"] == [{"height": 180, "codecs": "avc1,mp4a"}]
    if captions:
        assert parsed["subtitles"] == [{"language": "en", "name": "English"}]
        assert playback.end["tracks"] == [{"language": "en", "mode": "showing", "cues": 2}]
        assert playback.shown == ["One.", "Two &amp; three."]
        assert [event["time"] >= 6 for event in playback.of("cue") if event["text"].startswith("Two")] == [True]
    else:
        assert (parsed["subtitles"], playback.shown) == ([], [])


def test_a_podcast_plays_to_its_end_with_captions(sound: tuple[Output, bytes], tmp_path: Path) -> None:
    files = published([sound], Captions("de", "German"))
    playback = hls_player.play("/master.m3u8", tmp_path, files=files)
    assert playback.errors == []
    assert playback.end["time"] == pytest.approx(SECONDS, abs=0.1)
    assert playback.end["tracks"] == [{"language": "de", "mode": "showing", "cues": 2}]


def read(files: dict[str, File], uri: str) -> str:
    return files[uri.removeprefix("http://x")].body.decode()
