"""What players are given: the playlists and captions of HLS, and the storyboard."""

from typing import Any

import m3u8
import pytest

from mediajobs.jobs import job_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.media import hls_playlists
from mediajobs.media.manifests import Fragment, Output, TaskManifest, Tiles
from mediajobs.media.source import AudioFacts, SourceFacts, VideoFacts
from mediajobs.pipeline import admission_service, steps_service
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.object_keys import manifest_key, output_key
from tests.support import hls_rules
from tests.support.http_api import Ask
from tests.support.jobs import create_job

pytestmark = pytest.mark.usefixtures("cloud")
JOB = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
VIDEO = VideoFacts(
    index=0, codec="h264", width=360, height=640, rotation=90, frame_rate=25, pix_fmt="yuv420p", hdr=True,
    variable_frame_rate=True, interlaced=True,
)  # fmt: skip
AUDIO = AudioFacts(index=1, codec="opus", channels=6, sample_rate=48000, language="deu")
FILM = SourceFacts(
    container="mp4", duration_seconds=40.0, size_bytes=900, sha256="0" * 64, video=VIDEO, audio=AUDIO,
    languages=["deu", "eng"],
)  # fmt: skip
TALK = FILM.model_copy(update={"video": None})


def stored(name: str, **fields: Any) -> Output:
    values = {"name": name, "key": output_key(JOB, name), "size_bytes": 100, "sha256": "1" * 64, "content_type": "x/y"}
    return Output.model_validate(values | fields)


def streamed(name: str, size: int, *, video: bool) -> Output:
    """40 s in ten fragments of `size` bytes."""
    fragments = [
        Fragment(offset=50 + number * size, size=size, duration=4, keyframe_size=size // 3 if video else None)
        for number in range(10)
    ]
    picture = {"width": 360, "height": 640, "frame_rate": 25} if video else {}
    return stored(
        name,
        codecs="avc1.64001e,mp4a.40.2" if video else "mp4a.40.2",
        init_size=50,
        fragments=fragments,
        peak_bandwidth=hls_playlists.peak_bandwidth(fragments),
        average_bandwidth=hls_playlists.average_bandwidth(fragments),
        **picture,
    )


RENDITION, SOUND = streamed("360p", 400_000, video=True), streamed("hls_audio", 60_000, video=False)
SHEETS = [
    stored(f"storyboard_{n}", tiles=Tiles(width=90, height=160, columns=2, count=2, interval=10, start=20 * (n - 1)))
    for n in (2, 1)
]
TRANSCRIPT = [stored(f"transcript_{form}") for form in ("txt", "srt", "vtt", "json")]
GERMAN = {"language": "de", "word_count": 9, "model": "base"}


def completed(
    media: list[Output], source: SourceFacts = FILM, heard: dict[str, Any] | None = None, **options: Any
) -> None:
    """A job that made these outputs; `heard` are the facts of its transcript."""
    create_job(job_id=JOB, status=Status.QUEUED, options=options)
    admission_service.admit("acme")
    job_store.record_source(JOB, 1, source)
    steps_service.plan(JOB, 1)
    made = TaskManifest(task="media", attempt=1, outputs=media)
    spoken = TaskManifest(task="transcribe", attempt=1, outputs=TRANSCRIPT, facts=GERMAN if heard is None else heard)
    for manifest in (made, spoken):
        MediaBucket.from_environment().write_json(manifest_key(JOB, manifest.task), manifest.model_dump(mode="json"))
    steps_service.publish(JOB, 1)


def fetch(ask: Ask, path: str) -> str:
    """A player's request: a playlist of the API, or WebVTT from the bucket."""
    if path.startswith("https://s3") or "X-Amz" in path:
        return "WEBVTT\n"
    return str(ask("GET", path.removeprefix("http://api"), status=200).body.decode())


def master(ask: Ask, query: str = "") -> Any:
    return m3u8.loads(fetch(ask, f"/stream/{JOB}/master.m3u8{query}"))


def outputs(ask: Ask) -> Any:
    return ask("GET", f"/jobs/{JOB}", status=200).json_body["outputs"]


@pytest.mark.parametrize(
    ("media", "source", "heard"),
    [([RENDITION, SOUND, *SHEETS], FILM, GERMAN), ([SOUND], TALK, GERMAN), ([RENDITION, SOUND], FILM, {})],
)
def test_the_presentation_obeys_the_rules(
    ask: Ask, media: list[Output], source: SourceFacts, heard: dict[str, Any]
) -> None:
    completed(media, source, heard)
    assert hls_rules.violations(f"http://api/stream/{JOB}/master.m3u8", lambda uri: fetch(ask, uri)) == []


def test_a_key_in_the_query_is_in_every_address_of_the_master_playlist(ask: Ask) -> None:
    completed([RENDITION, SOUND])
    query = f"?api_key={ask.key}"
    found = m3u8.loads(ask("GET", f"/stream/{JOB}/master.m3u8{query}", key="", status=200).body.decode())
    uris = [entry.uri for entry in (*found.playlists, *found.iframe_playlists, *found.media)]
    assert [uri.removesuffix(query) for uri in uris] == [
        "360p/playlist.m3u8", "audio/playlist.m3u8", "360p/iframes.m3u8", "captions/de.m3u8",
    ]  # fmt: skip
    for uri in uris:
        assert uri.endswith(query)
        ask("GET", f"/stream/{JOB}/{uri}", key="", status=200)


def test_the_document_says_what_can_be_played(ask: Ask) -> None:
    completed([RENDITION, SOUND, *SHEETS])
    found = outputs(ask)
    assert (found["360p"]["width"], found["360p"]["height"]) == (360, 640)
    assert found["storyboard"] == {
        "available": True, "size_bytes": 200, "url": f"/stream/{JOB}/storyboard.vtt", "reason": None,
    }  # fmt: skip
    assert found["hls"]["audio"] == {
        "available": True, "segments_count": 10, "playlist_url": f"/stream/{JOB}/audio/playlist.m3u8", "reason": None,
    }  # fmt: skip
    captions = {"language": "de", "name": "German", "playlist_url": f"/stream/{JOB}/captions/de.m3u8"}
    assert found["hls"]["captions"] == [captions]
    assert found["hls"]["master_url"] == f"/stream/{JOB}/master.m3u8"


def test_the_document_says_what_the_source_is(ask: Ask) -> None:
    completed([RENDITION])
    source = ask("GET", f"/jobs/{JOB}").json_body["source"]
    facts = ("channels", "sample_rate", "languages", "hdr", "rotation", "interlaced", "variable_frame_rate")
    assert [source[name] for name in facts] == [6, 48000, ["deu", "eng"], True, 90, True, True]


def test_a_podcast_is_played_by_its_sound_alone(ask: Ask) -> None:
    completed([SOUND], TALK)
    (variant,) = master(ask).playlists
    assert (variant.uri, variant.stream_info.codecs) == ("audio/playlist.m3u8", "mp4a.40.2")
    assert outputs(ask)["hls"]["master_url"] is not None
    source = ask("GET", f"/jobs/{JOB}").json_body["source"]
    assert (source["hdr"], source["rotation"], source["channels"]) == (None, None, 6)


@pytest.mark.parametrize(
    ("heard", "task", "tags"),
    [
        (GERMAN, "transcribe", [("de", "German")]),
        (GERMAN, "translate", [("en", "English")]),
        (GERMAN | {"language": "jw"}, "transcribe", [("jv", "Javanese")]),
        (GERMAN | {"language": "xx"}, "transcribe", [("xx", "xx")]),
        (GERMAN | {"word_count": 0}, "transcribe", []),
        ({"language": None, "word_count": 0}, "transcribe", []),
    ],
)
def test_captions_are_there_in_their_language_where_words_were_heard(
    ask: Ask, heard: dict[str, Any], task: str, tags: list[tuple[str, str]]
) -> None:
    completed([RENDITION, SOUND], heard=heard, transcription={"task": task})
    found = master(ask)
    assert [(medium.language, medium.name) for medium in found.media] == tags
    assert {variant.stream_info.subtitles for variant in found.playlists} == {"subs" if tags else None}
    for language, _ in tags:
        (segment,) = m3u8.loads(fetch(ask, f"/stream/{JOB}/captions/{language}.m3u8")).segments
        assert f"outputs/{JOB}/transcript.vtt?" in segment.uri
        assert segment.duration == 40.0
    for unknown in ("fr.m3u8", "de", "playlist.m3u8", "de.vtt"):
        assert "aptions" in ask("GET", f"/stream/{JOB}/captions/{unknown}", status=404).json_body["detail"]


def test_without_hls_there_are_no_captions_to_play(ask: Ask) -> None:
    completed([RENDITION], hls=False)
    ask("GET", f"/stream/{JOB}/captions/de.m3u8", status=404)
    assert outputs(ask)["hls"]["captions"] == []
    assert outputs(ask)["hls"]["audio"]["reason"] == "not requested"


def test_all_variants_have_one_target_duration_whatever_their_own_segments_are(ask: Ask) -> None:
    longer = SOUND.model_copy(update={"fragments": [Fragment(offset=50, size=200_000, duration=8)] * 5})
    completed([RENDITION, longer])
    for name in ("360p", "audio"):
        assert m3u8.loads(fetch(ask, f"/stream/{JOB}/{name}/playlist.m3u8")).target_duration == 8


def test_the_storyboard_leads_from_moments_to_parts_of_presigned_sheets(ask: Ask) -> None:
    completed([RENDITION, *SHEETS])
    answer = ask("GET", f"/stream/{JOB}/storyboard.vtt", status=200)
    assert answer.headers["Content-Type"] == "text/vtt; charset=utf-8"
    lines = answer.body.decode().splitlines()
    assert [line for line in lines if "-->" in line] == [
        "00:00:00.000 --> 00:00:10.000",
        "00:00:10.000 --> 00:00:20.000",
        "00:00:20.000 --> 00:00:30.000",
        "00:00:30.000 --> 00:00:40.000",
    ]
    urls = [line for line in lines if line.startswith("http")]
    assert [url.partition("#")[2] for url in urls] == ["xywh=0,0,90,160", "xywh=90,0,90,160"] * 2
    assert [f"storyboard-{number}.jpg?" in url for number, url in zip((1, 1, 2, 2), urls, strict=True)] == [True] * 4
    assert "X-Amz-Signature" in urls[0] or "Signature=" in urls[0]


def test_without_a_storyboard_the_reason_is_given(ask: Ask) -> None:
    completed([RENDITION], storyboard=False)
    assert "not requested" in ask("GET", f"/stream/{JOB}/storyboard.vtt", status=404).json_body["detail"]
    assert outputs(ask)["storyboard"]["reason"] == "not requested"


def test_what_is_played_is_stored_counted_and_deleted_with_the_job(ask: Ask) -> None:
    bucket = MediaBucket.from_environment()
    for output in (RENDITION, SOUND, *SHEETS):
        bucket.client.put_object(Bucket=bucket.name, Key=output.key, Body=b"x")
    completed([RENDITION, SOUND, *SHEETS])
    assert sum(output.size_bytes or 0 for output in job_store.get(JOB).outputs.values()) == 100 * (4 + len(TRANSCRIPT))
    assert ask("DELETE", f"/jobs/{JOB}?delete_files=true", status=200).json_body["files_deleted"] >= 4
    assert bucket.sizes(f"outputs/{JOB}/") == {}
