"""Facts about sources whose container tells less, or something else, than it seems to."""

from pathlib import Path

import pytest

from mediajobs.media.options import Options
from mediajobs.media.source import SourceFacts
from mediajobs.storage.bucket_store import MediaBucket
from tests.support import media_samples, task_context

SMALL = "160x120"


def facts_of(bucket: MediaBucket, path: Path) -> SourceFacts:
    source = task_context.validated(task_context.job(bucket, path)).source
    assert source is not None
    return source


def test_the_container_tells_the_aspect_where_the_codec_does_not(bucket: MediaBucket, tmp_path: Path) -> None:
    path = tmp_path / "wide.mkv"
    media_samples.ffmpeg(*media_samples.picture(SMALL, 1), "-vf", "setsar=3/2", "-c:v", "ffv1", path)
    video = facts_of(bucket, path).video
    assert video is not None
    assert (video.width, video.height) == (240, 120)


def test_an_asf_stream_that_starts_late_ends_with_its_file(bucket: MediaBucket, tmp_path: Path) -> None:
    """ASF states one duration for all."""
    path = tmp_path / "late.wmv"
    media_samples.ffmpeg(
        *media_samples.picture(SMALL, 4),
        "-itsoffset",
        "2",
        *media_samples.sound(2),
        "-c:v",
        "wmv2",
        "-c:a",
        "wmav2",
        path,
    )
    assert facts_of(bucket, path).duration_seconds == pytest.approx(4, abs=0.1)


def test_a_last_picture_without_a_duration_has_the_usual_one(bucket: MediaBucket, tmp_path: Path) -> None:
    path = tmp_path / "slow.wmv"
    media_samples.ffmpeg(*media_samples.picture(SMALL, 4, "2"), "-c:v", "wmv2", path)
    assert facts_of(bucket, path).duration_seconds == pytest.approx(4, abs=0.05)


def test_a_still_before_reordered_pictures_does_not_lengthen_the_source(bucket: MediaBucket, tmp_path: Path) -> None:
    """In MP4 a picture's duration is that until the next one is decoded, which is not the next one shown."""
    path = tmp_path / "still.mp4"
    still = [
        "-vf",
        "select='not(between(t,1.1,3.5))'",
        "-vsync",
        "vfr",
        "-c:v",
        "libx264",
        "-bf",
        "3",
        "-b_strategy",
        "0",
    ]
    media_samples.ffmpeg(*media_samples.picture(SMALL, 4, "10"), *still, path)
    assert facts_of(bucket, path).duration_seconds == pytest.approx(4, abs=0.05)


def test_slow_reordered_pictures_of_matroska_are_no_jump(bucket: MediaBucket, tmp_path: Path) -> None:
    """Its first packets have no decode times."""
    path = tmp_path / "slow.mkv"
    slow = ["-c:v", "libx264", "-bf", "2", "-b_strategy", "0"]
    media_samples.ffmpeg(*media_samples.picture(SMALL, 6, "2"), *slow, path)
    facts = facts_of(bucket, path)
    assert facts.jumps == 0
    assert facts.duration_seconds == pytest.approx(6, abs=0.05)


def test_slow_pictures_without_durations_are_all_read(bucket: MediaBucket, tmp_path: Path) -> None:
    path = tmp_path / "slow.wmv"
    media_samples.ffmpeg(*media_samples.picture(SMALL, 6, "1/2"), "-c:v", "wmv2", path)
    run = task_context.run_media(bucket, path, Options(renditions=["240p"]))
    assert run.outputs["240p"].duration_seconds == pytest.approx(6, abs=0.1)


def test_what_an_edit_list_hides_is_not_part_of_the_source(bucket: MediaBucket, tmp_path: Path) -> None:
    """As in a clip that was trimmed on a phone: it still holds everything since the keyframe before."""
    path, trimmed = tmp_path / "whole.mp4", tmp_path / "trimmed.mp4"
    media_samples.clip(path, SMALL, 6, options=["-g", "250"])
    media_samples.ffmpeg("-ss", "3.52", "-i", path, "-c", "copy", trimmed)
    facts = facts_of(bucket, trimmed)
    assert facts.start_time == pytest.approx(0, abs=0.03)
    assert facts.duration_seconds == pytest.approx(2.48, abs=0.08)
