"""Run by test_another_rendition, with an entry for 240p."""

from pathlib import Path

from mediajobs.media import hls_playlists
from mediajobs.media.options import Options
from mediajobs.storage.bucket_store import MediaBucket
from tests.support import media_samples, task_context


def test_it_is_made_reported_and_streamed(bucket: MediaBucket, tmp_path: Path) -> None:
    clip = media_samples.clip(tmp_path / "clip.mp4", "640x360", 2)
    made = task_context.run_media(bucket, clip, Options(renditions=["240p", "360p"]))
    assert media_samples.read(made.url("240p"), "stream=width,height", "-select_streams", "v") == [["426", "240"]]
    assert made.outputs["240p"].key.endswith("/240p.mp4")
    assert made.outputs["240p"].content_type == "video/mp4"
    assert made.recorder.percent["transcode_240p"][-1] == 100
    assert made.manifest.seconds["transcode_240p"] > 0
    assert "transcode_240p" in made.recorder.finished
    playlist = hls_playlists.master([made.outputs["360p"], made.outputs["240p"]], str)
    assert "RESOLUTION=426x240" in playlist


def test_it_is_absent_where_the_source_is_smaller(bucket: MediaBucket, small: Path) -> None:
    made = task_context.run_media(bucket, small, Options(renditions=["240p"]))
    assert made.recorder.skipped["transcode_240p"] == made.reasons["240p"] == "source is smaller than 240p"
