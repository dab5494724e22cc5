"""Run by test_another_rendition, with an entry for 540p."""

from pathlib import Path

from mediajobs.media import hls_playlists
from mediajobs.media.options import Options
from mediajobs.storage.bucket_store import MediaBucket
from tests.support import media_samples, task_context


def test_it_is_made_reported_and_streamed(bucket: MediaBucket, tmp_path: Path) -> None:
    clip = media_samples.clip(tmp_path / "clip.mp4", "960x540", 2)
    made = task_context.run_media(bucket, clip, Options(renditions=["540p", "360p"]))
    assert media_samples.read(made.url("540p"), "stream=width,height", "-select_streams", "v") == [["960", "540"]]
    assert made.outputs["540p"].key.endswith("/540p.mp4")
    assert made.outputs["540p"].content_type == "video/mp4"
    assert made.recorder.percent["transcode_540p"][-1] == 100
    assert made.manifest.seconds["transcode_540p"] > 0
    assert "transcode_540p" in made.recorder.finished
    playlist = hls_playlists.master([made.outputs["360p"], made.outputs["540p"]], str)
    assert "RESOLUTION=960x540" in playlist


def test_it_is_absent_where_the_source_is_smaller(bucket: MediaBucket, small: Path) -> None:
    made = task_context.run_media(bucket, small, Options(renditions=["240p", "540p"]))
    assert made.recorder.skipped["transcode_540p"] == made.reasons["540p"] == "source is smaller than 540p"
