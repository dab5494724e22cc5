"""The main job on the deployed stack: a real video with real speech goes in, everything comes out."""

import hashlib
import io
import json
import subprocess
from pathlib import Path
from typing import Any

import boto3
import jiwer
import m3u8
import pysubs2
import pytest
import requests
import webvtt

from infra.local import Stack
from tests.e2e.conftest import DEMO, Api
from tests.support import hls_player, hls_rules
from tests.support.waiting import HANG_SECONDS

TRANSCRIPT = DEMO.with_suffix(".transcript.txt")


@pytest.fixture(scope="module")
def history(api: Api) -> list[dict[str, Any]]:
    """Every document that a client saw of the demo's job, to its end."""
    seen = api.watch(api.submit(DEMO, user_metadata={"of": "tests"}, options={"storyboard": True}))
    assert seen[-1]["status"] == "completed", seen[-1]["error"]
    return seen


@pytest.fixture(scope="module")
def done(history: list[dict[str, Any]]) -> dict[str, Any]:
    return history[-1]


@pytest.fixture(scope="module")
def files(api: Api, done: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Every output, downloaded as a client does."""
    folder = tmp_path_factory.mktemp("outputs")
    names = ["360p", "720p", "audio", "thumbnail", *(f"transcript_{form}" for form in ("txt", "srt", "vtt", "json"))]
    paths = {name: folder / name for name in names}
    for name, path in paths.items():
        path.write_bytes(api.download(done["job_id"], name))
    return paths


def probe(path: Path | str, *options: str) -> dict[str, Any]:
    command = ["ffprobe", "-v", "error", "-of", "json", *options, str(path)]
    found: dict[str, Any] = json.loads(
        subprocess.run(command, capture_output=True, check=True, timeout=HANG_SECONDS).stdout
    )
    return found


def test_the_statuses_come_in_their_order(history: list[dict[str, Any]]) -> None:
    order = ["pending", "queued", "processing", "transcoding", "uploading", "completed"]
    seen = [document["status"] for document in history]
    assert sorted(seen, key=order.index) == seen
    assert seen[-1] == "completed"


def test_progress_never_goes_back_and_is_100_only_at_the_end(history: list[dict[str, Any]]) -> None:
    overall = [document["progress"]["overall_progress"] for document in history]
    assert overall == sorted(overall)
    assert all(
        (document["progress"]["overall_progress"] == 100) == (document["status"] == "completed") for document in history
    )
    for task in history[-1]["progress"]["tasks"]:
        percent = [document["progress"]["tasks"][task]["progress"] for document in history]
        assert percent == sorted(percent), task
        assert percent[-1] == 100, task


def test_the_document_says_what_the_source_is(done: dict[str, Any]) -> None:
    source = done["source"]
    assert source["filename"] == DEMO.name
    assert source["size_bytes"] == DEMO.stat().st_size
    assert source["file_hash"] == hashlib.sha256(DEMO.read_bytes()).hexdigest()
    assert source["resolution"] == "1280x720"
    assert done["user_metadata"] == {"of": "tests"}
    assert all(seconds > 0 for seconds in done["processing_time"].values())


def test_every_output_lasts_as_long_as_the_source(done: dict[str, Any], files: dict[str, Path]) -> None:
    seconds = float(probe(DEMO, "-show_entries", "format=duration")["format"]["duration"])
    for name in ("360p", "720p", "audio"):
        made = float(probe(files[name], "-show_entries", "format=duration")["format"]["duration"])
        assert made == pytest.approx(seconds, abs=0.1), name
    assert done["source"]["duration_seconds"] == pytest.approx(seconds, abs=0.1)


def test_keyframes_line_up_across_the_renditions(files: dict[str, Path]) -> None:
    def keyframes(path: Path) -> list[str]:
        options = ["-select_streams", "v", "-skip_frame", "nokey", "-show_entries", "frame=pts_time"]
        return [frame["pts_time"] for frame in probe(path, *options)["frames"]]

    assert keyframes(files["360p"]) == keyframes(files["720p"])
    assert len(keyframes(files["720p"])) > 3


def test_sizes_and_ratios_are_those_of_the_real_files(done: dict[str, Any], files: dict[str, Path]) -> None:
    for name in ("360p", "720p"):
        size = files[name].stat().st_size
        assert done["outputs"][name]["size_bytes"] == size
        assert done["outputs"][name]["compression_ratio"] == pytest.approx(DEMO.stat().st_size / size, abs=0.001)
    assert done["outputs"]["audio"]["size_bytes"] == files["audio"].stat().st_size
    assert probe(files["thumbnail"], "-show_entries", "stream=codec_name")["streams"] == [{"codec_name": "mjpeg"}]


def test_the_manifest_has_every_object_with_its_size_and_hash(stack: Stack, done: dict[str, Any]) -> None:
    client = boto3.client("s3", endpoint_url=stack.endpoint_url, region_name=stack.region)
    bucket, prefix = stack.outputs["media_bucket"], f"outputs/{done['job_id']}/"
    manifest = json.loads(client.get_object(Bucket=bucket, Key=f"{prefix}manifest.json")["Body"].read())
    for output in manifest["outputs"]:
        body = client.get_object(Bucket=bucket, Key=output["key"])["Body"].read()
        assert (len(body), hashlib.sha256(body).hexdigest()) == (output["size_bytes"], output["sha256"])
    listed = {entry["Key"] for entry in client.list_objects_v2(Bucket=bucket, Prefix=prefix)["Contents"]}
    made = {output["key"] for output in manifest["outputs"]}
    assert {key for key in listed if "manifest" not in key} == made
    names = {output["name"] for output in manifest["outputs"]}
    transcripts = {f"transcript_{form}" for form in ("txt", "srt", "vtt", "json")}
    assert names == {"360p", "720p", "audio", "thumbnail", "hls_audio", "storyboard_1"} | transcripts


def test_the_transcript_says_what_was_said(done: dict[str, Any], files: dict[str, Path]) -> None:
    plain = jiwer.Compose([jiwer.ToLowerCase(), jiwer.RemovePunctuation(), jiwer.RemoveMultipleSpaces(), jiwer.Strip()])
    said = plain(" ".join(TRANSCRIPT.read_text().split()).replace("-", " "))
    heard = plain(" ".join(files["transcript_txt"].read_text().split()).replace("-", " "))
    assert jiwer.wer(said, heard) < 0.05
    assert done["outputs"]["transcription"]["language"] == "en"
    assert done["outputs"]["transcription"]["whisper_model"] == "base"
    assert done["outputs"]["transcription"]["word_count"] == pytest.approx(len(said.split()), abs=5)


def test_independent_parsers_accept_the_subtitles(files: dict[str, Path]) -> None:
    cues = pysubs2.load(str(files["transcript_srt"]), format_="srt")
    captions = webvtt.read(str(files["transcript_vtt"]))
    assert len(cues) == len(captions) > 2
    assert all(cue.start < cue.end for cue in cues)
    words = [
        word for segment in json.loads(files["transcript_json"].read_text())["segments"] for word in segment["words"]
    ]
    assert all(word["start"] <= word["end"] for word in words)


def test_hls_plays_from_the_master_playlist_to_the_last_frame(api: Api, done: dict[str, Any]) -> None:
    url = f"{api.url}{done['outputs']['hls']['master_url']}?api_key={api.key}"
    master = m3u8.loads(requests.get(url, timeout=HANG_SECONDS).text, uri=url)
    assert [variant.stream_info.resolution for variant in master.playlists] == [(640, 360), (1280, 720), None]
    assert master.playlists[-1].stream_info.codecs == "mp4a.40.2"
    for variant in master.playlists[:-1]:
        assert variant.stream_info.codecs.startswith("avc1.")
        assert "mp4a.40.2" in variant.stream_info.codecs
        playlist = m3u8.loads(requests.get(variant.absolute_uri, timeout=HANG_SECONDS).text)
        name = f"{variant.stream_info.resolution[1]}p"
        assert len(playlist.segments) == done["outputs"]["hls"][name]["segments_count"]
        assert variant.stream_info.bandwidth >= variant.stream_info.average_bandwidth
    options = ["-count_frames", "-select_streams", "v:0", "-show_entries", "stream=nb_read_frames"]
    frames = probe(DEMO, *options)["streams"][0]["nb_read_frames"]
    played = probe(url, *options)
    assert played["programs"][0]["streams"][0]["nb_read_frames"] == frames


def test_hls_obeys_the_rules_of_its_specifications(api: Api, done: dict[str, Any]) -> None:
    def fetch(url: str) -> str:
        answer = requests.get(url, timeout=HANG_SECONDS)
        assert answer.ok, (url, answer.text)
        return answer.text

    assert hls_rules.violations(shared(api, done, done["outputs"]["hls"]["master_url"]), fetch) == []


@hls_player.NO_BROWSER
def test_a_browser_plays_it_to_the_last_frame_and_shows_the_captions(
    api: Api, done: dict[str, Any], files: dict[str, Path], tmp_path: Path
) -> None:
    playback = hls_player.play(shared(api, done, done["outputs"]["hls"]["master_url"]), tmp_path)
    assert playback.errors == []
    seconds = done["source"]["duration_seconds"]
    assert playback.end["time"] == pytest.approx(seconds, abs=0.1)
    assert playback.end["lastFrame"] == pytest.approx(seconds, abs=0.2)
    cues = webvtt.read(str(files["transcript_vtt"])).captions
    assert playback.end["tracks"] == [{"language": "en", "mode": "showing", "cues": len(cues)}]
    assert set(playback.shown) <= {cue.text for cue in cues}
    assert len(playback.shown) > len(cues) / 2  # played fast, a short one may come and go between two looks


def test_the_storyboard_shows_the_whole_video(api: Api, done: dict[str, Any]) -> None:
    url = shared(api, done, done["outputs"]["storyboard"]["url"])
    cues = webvtt.from_buffer(io.StringIO(requests.get(url, timeout=HANG_SECONDS).text)).captions
    assert cues[0].start_in_seconds == 0
    assert cues[-1].end_in_seconds == pytest.approx(done["source"]["duration_seconds"], abs=1)
    for sheet in {cue.text.partition("#")[0] for cue in cues}:
        (picture,) = probe(sheet, "-show_entries", "stream=width,height")["streams"]
        for cue in cues:
            x, y, width, height = map(int, cue.text.partition("#xywh=")[2].split(","))
            assert x + width <= picture["width"]
            assert y + height <= picture["height"]


def test_a_token_opens_this_job_alone(api: Api, done: dict[str, Any]) -> None:
    job_id = done["job_id"]
    events = requests.get(shared(api, done, f"/events/{job_id}/progress"), timeout=HANG_SECONDS)
    assert (events.status_code, "event: complete" in events.text) == (200, True)
    file = requests.get(shared(api, done, f"/jobs/{job_id}/download/thumbnail"), timeout=HANG_SECONDS)
    assert (file.status_code, file.headers["Content-Type"]) == (200, "image/jpeg")
    for path in ("/jobs", f"/jobs/{job_id}", "/usage"):
        assert requests.get(shared(api, done, path), timeout=HANG_SECONDS).status_code == 401


def test_a_second_look_costs_nothing(api: Api, done: dict[str, Any]) -> None:
    etag = api.ask("GET", f"/jobs/{done['job_id']}").headers["ETag"]
    assert api.ask("GET", f"/jobs/{done['job_id']}", headers={"If-None-Match": etag}).status_code == 304


def shared(api: Api, done: dict[str, Any], path: str) -> str:
    """The address of a part of the job, as it is given to somebody without a key."""
    token = api.ask("POST", f"/jobs/{done['job_id']}/tokens", json={"expires_in": 600}).json()["token"]
    return f"{api.url}{path}?token={token}"
