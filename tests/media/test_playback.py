"""HLS made from a manifest, played over HTTP by a real player."""

import subprocess
from pathlib import Path

import m3u8
import pytest

from mediajobs.media import hls_playlists
from mediajobs.storage.bucket_store import MediaBucket
from tests.support import media_samples
from tests.support.task_context import MediaRun
from tests.support.waiting import HANG_SECONDS


@pytest.fixture(scope="module")
def master(whole: MediaRun) -> str:
    """The address of a master playlist that lies in the bucket, as do its media playlists."""
    bucket = whole.context.bucket
    renditions = [output for output in whole.manifest.outputs if output.fragments]
    for output in renditions:
        publish(bucket, hls_playlists.media_path(output.name), hls_playlists.media(output, whole.url(output.name)))
        if hls_playlists.has_iframes(output):
            publish(
                bucket, hls_playlists.iframes_path(output.name), hls_playlists.iframes(output, whole.url(output.name))
            )
    return publish(bucket, "master.m3u8", hls_playlists.master(renditions, bucket.presigned_get))


def publish(bucket: MediaBucket, key: str, text: str) -> str:
    bucket.client.put_object(Bucket=bucket.name, Key=key, Body=text.encode())
    return bucket.presigned_get(key)


@pytest.mark.parametrize("variant", [0, 1])
def test_a_player_gets_from_the_master_playlist_to_the_last_frame(whole: MediaRun, master: str, variant: int) -> None:
    command = [
        "ffmpeg",
        "-nostdin",
        "-v",
        "warning",
        "-xerror",
        "-i",
        master,
        "-map",
        f"0:p:{variant}",
        "-f",
        "framecrc",
        "-",
    ]
    played = subprocess.run(command, check=False, capture_output=True, text=True, timeout=HANG_SECONDS)
    assert (played.returncode, played.stderr) == (0, "")
    frames = [line for line in played.stdout.splitlines() if line.startswith("0,")]
    assert len(frames) == len(media_samples.read(whole.url("360p"), "packet=flags", "-select_streams", "v")) == 135


def test_segments_start_with_a_keyframe_and_last_as_long_as_they_say(whole: MediaRun, tmp_path: Path) -> None:
    rendition = whole.outputs["360p"]
    body = whole.body(rendition)
    for fragment in rendition.fragments[:-1]:
        piece = tmp_path / f"{fragment.offset}.mp4"
        piece.write_bytes(body[: rendition.init_size] + body[fragment.offset : fragment.offset + fragment.size])
        packets = media_samples.read(piece, "packet=flags,duration_time", "-select_streams", "v")
        assert "K" in packets[0][1]
        assert sum(float(packet[0]) for packet in packets) == pytest.approx(fragment.duration, abs=0.001)


def test_the_playlists_are_what_another_reader_expects(whole: MediaRun) -> None:
    renditions = [output for output in whole.manifest.outputs if output.fragments]
    variants = m3u8.loads(hls_playlists.master(renditions, lambda name: f"{name}.m3u8")).playlists
    assert [v.stream_info.resolution for v in variants] == [(640, 360), (1280, 720), None]
    assert [v.stream_info.frame_rate for v in variants] == [14.985, 14.985, None]
    assert all(v.stream_info.bandwidth >= v.stream_info.average_bandwidth > 0 for v in variants)
    playlist = m3u8.loads(hls_playlists.media(renditions[0], "360p.mp4"))
    assert playlist.is_endlist
    assert playlist.target_duration == 4
    assert sum(segment.duration for segment in playlist.segments) == pytest.approx(9, abs=0.1)
