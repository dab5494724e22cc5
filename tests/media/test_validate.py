"""What the validation says of all kinds of files."""

from pathlib import Path

import pytest

from mediajobs.errors import JobError, Stopped
from mediajobs.media.source import SourceFacts
from mediajobs.storage.bucket_store import MediaBucket
from statemachine.tasks import limits, validate
from tests.support import media_samples, task_context

VP8 = ["-c:v", "libvpx", "-deadline", "realtime", "-cpu-used", "8", "-f", "webm"]
PLAYLISTS = {
    "hls": b"#EXTM3U\n#EXTINF:1,\nhttp://169.254.169.254/latest/meta-data/\n",
    "hls after a byte order mark": b"\xef\xbb\xbf#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n",
    "ffconcat": b"ffconcat version 1.0\nfile '/etc/passwd'\n",
    "dash": b'<?xml version="1.0"?>\n<MPD xmlns="urn:mpeg:dash:schema:mpd:2011"></MPD>\n',
    "sdp": b"v=0\r\no=- 0 0 IN IP4 127.0.0.1\r\nm=video 5004 RTP/AVP 96\r\n",
}
OTHERS = {
    "text": b"This is a text that somebody has renamed to .mp4\n" * 100,
    "jpeg": b"\xff\xd8\xff\xe0\x00\x10JFIF\x00" + bytes(2000),
    "noise": bytes(range(256)) * 500,
    "subtitles": b"1\n00:00:00,000 --> 00:00:01,000\nHello\n",
}


def facts_of(bucket: MediaBucket, source: Path | bytes) -> SourceFacts:
    return validate.run(task_context.job(bucket, source)).source


def code_of(bucket: MediaBucket, source: Path | bytes) -> str:
    with pytest.raises(JobError) as caught:
        validate.run(task_context.job(bucket, source))
    assert caught.value.task == "validate_video"
    assert not caught.value.retryable
    return caught.value.code


@pytest.mark.parametrize("kind", PLAYLISTS)
def test_a_playlist_renamed_to_mp4_is_refused(bucket: MediaBucket, kind: str) -> None:
    assert code_of(bucket, PLAYLISTS[kind]) == "playlist_refused"


@pytest.mark.parametrize("kind", OTHERS)
def test_what_is_no_media_is_refused(bucket: MediaBucket, kind: str) -> None:
    assert code_of(bucket, OTHERS[kind]) == "not_media"


def test_an_empty_file_is_refused(bucket: MediaBucket) -> None:
    assert code_of(bucket, b"") == "empty_file"


def test_a_playlist_behind_binary_bytes_is_not_followed(bucket: MediaBucket) -> None:
    assert code_of(bucket, b"\x00\x01" + PLAYLISTS["hls"]) == "not_media"


def test_a_file_cut_before_its_index_is_named_truncated(bucket: MediaBucket, tmp_path: Path) -> None:
    whole = media_samples.clip(tmp_path / "clip.mp4", "320x180").read_bytes()
    assert code_of(bucket, whole[: len(whole) // 2]) == "truncated_source"


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_a_file_whose_media_ends_early_is_named_truncated(bucket: MediaBucket, tmp_path: Path, container: str) -> None:
    whole = media_samples.clip(
        tmp_path / f"clip.{container}", "320x180", options=["-movflags", "faststart"]
    ).read_bytes()
    assert code_of(bucket, whole[: len(whole) * 6 // 10]) == "truncated_source"


def test_a_whole_file_is_described(bucket: MediaBucket, tmp_path: Path) -> None:
    facts = facts_of(bucket, media_samples.clip(tmp_path / "clip.mp4", "640x360", 2, "30000/1001"))
    assert facts.video is not None
    assert facts.audio is not None
    assert (facts.video.codec, facts.video.width, facts.video.height) == ("h264", 640, 360)
    assert facts.video.frame_rate == pytest.approx(29.97, abs=0.001)
    assert not facts.video.variable_frame_rate
    assert not facts.video.hdr
    assert (facts.audio.codec, facts.audio.channels, facts.audio.sample_rate) == ("aac", 2, 44100)
    assert facts.duration_seconds == pytest.approx(2, abs=0.1)


def test_a_rotated_picture_is_described_as_it_is_shown(bucket: MediaBucket, small: Path, tmp_path: Path) -> None:
    video = facts_of(bucket, media_samples.turned(small, tmp_path / "turned.mp4")).video
    assert video is not None
    assert (video.rotation, video.width, video.height) == (90, 180, 320)


def test_wide_pixels_are_described_as_they_are_shown(bucket: MediaBucket, tmp_path: Path) -> None:
    source = media_samples.clip(tmp_path / "clip.mp4", "360x288", 1, options=["-vf", "setsar=16/9"])
    video = facts_of(bucket, source).video
    assert video is not None
    assert (video.width, video.height) == (640, 288)


def test_cover_art_is_no_video(bucket: MediaBucket, tmp_path: Path) -> None:
    media_samples.ffmpeg(*media_samples.picture("300x300", 1), "-frames:v", "1", tmp_path / "cover.jpg")
    options = ["-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic"]
    media_samples.ffmpeg(*media_samples.sound(2), "-i", tmp_path / "cover.jpg", *options, tmp_path / "song.mp3")
    facts = facts_of(bucket, tmp_path / "song.mp3")
    assert facts.video is None
    assert facts.audio is not None


def test_cover_art_that_calls_itself_a_video_is_none(bucket: MediaBucket, tmp_path: Path) -> None:
    media_samples.ffmpeg(*media_samples.picture("300x300", 1), "-frames:v", "1", tmp_path / "cover.jpg")
    media_samples.ffmpeg(*media_samples.sound(2), "-i", tmp_path / "cover.jpg", "-c:v", "copy", tmp_path / "song.mp4")
    assert facts_of(bucket, tmp_path / "song.mp4").video is None


def test_a_variable_frame_rate_is_noticed(bucket: MediaBucket, tmp_path: Path) -> None:
    options = ["-vf", "select='lt(mod(n,10),4)'", "-fps_mode", "vfr", "-video_track_timescale", "90000"]
    video = facts_of(bucket, media_samples.clip(tmp_path / "clip.mp4", "320x180", 4, "30", options)).video
    assert video is not None
    assert video.variable_frame_rate
    assert video.frame_rate == pytest.approx(12, abs=1)


def test_hdr_is_noticed(bucket: MediaBucket, tmp_path: Path) -> None:
    hdr = ["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-color_trc", "smpte2084"]
    hdr += ["-color_primaries", "bt2020", "-colorspace", "bt2020nc", "-x265-params", "log-level=none"]
    video = facts_of(bucket, media_samples.clip(tmp_path / "clip.mp4", "320x180", 1, options=hdr)).video
    assert video is not None
    assert video.hdr
    assert video.pix_fmt == "yuv420p10le"


def test_a_recording_without_a_stated_duration_is_measured(bucket: MediaBucket, tmp_path: Path) -> None:
    with (tmp_path / "clip.webm").open("wb") as file:  # a pipe cannot be gone back in to write the duration
        file.write(media_samples.output(*media_samples.picture("320x180", 2), *VP8, "-live", "1", "-"))
    assert facts_of(bucket, tmp_path / "clip.webm").duration_seconds == pytest.approx(2, abs=0.1)


def test_subtitles_do_not_make_a_video_longer(bucket: MediaBucket, small: Path, tmp_path: Path) -> None:
    (tmp_path / "lines.srt").write_text("1\n00:00:00,000 --> 00:00:30,000\nHello\n")
    media_samples.ffmpeg(
        "-i", small, "-i", tmp_path / "lines.srt", "-c:v", "copy", "-c:a", "copy", tmp_path / "clip.mkv"
    )
    assert media_samples.duration(tmp_path / "clip.mkv") == pytest.approx(30, abs=0.1)
    assert facts_of(bucket, tmp_path / "clip.mkv").duration_seconds == pytest.approx(2, abs=0.1)


def test_the_first_of_several_tracks_is_taken_unless_another_is_the_default(
    bucket: MediaBucket, tmp_path: Path
) -> None:
    tracks = ["-map", "0", "-map", "1", "-map", "2", "-disposition:a:0", "0", "-disposition:a:1", "default"]
    two = [*media_samples.picture("320x180", 1), *media_samples.sound(1), *media_samples.sound(1, "mono")]
    media_samples.ffmpeg(*two, *tracks, *media_samples.VIDEO, *media_samples.AUDIO, tmp_path / "clip.mkv")
    audio = facts_of(bucket, tmp_path / "clip.mkv").audio
    assert audio is not None
    assert (audio.index, audio.channels) == (2, 1)


def test_a_file_without_video_and_audio_is_refused(bucket: MediaBucket, tmp_path: Path) -> None:
    (tmp_path / "lines.srt").write_bytes(OTHERS["subtitles"])
    media_samples.ffmpeg("-i", tmp_path / "lines.srt", tmp_path / "lines.mkv")
    assert code_of(bucket, tmp_path / "lines.mkv") == "no_streams"


@pytest.mark.parametrize(
    ("limit", "value", "code"),
    [
        ("MAX_DURATION_SECONDS", 1, "too_long"),
        ("MAX_PIXELS", 320 * 180 - 1, "too_large_picture"),
        ("MAX_STREAMS", 1, "too_many_streams"),
    ],
)
def test_what_is_over_a_limit_is_refused(
    bucket: MediaBucket, small: Path, monkeypatch: pytest.MonkeyPatch, limit: str, value: int, code: str
) -> None:
    monkeypatch.setattr(limits, limit, value)
    assert code_of(bucket, small) == code


def test_a_picture_that_ffmpeg_would_not_decode_is_named_too_large(bucket: MediaBucket, tmp_path: Path) -> None:
    media_samples.ffmpeg(*media_samples.picture("9000x4000", 0.04), *media_samples.VIDEO, tmp_path / "clip.mp4")
    assert code_of(bucket, tmp_path / "clip.mp4") == "too_large_picture"


def test_validation_tells_how_far_it_is(bucket: MediaBucket, small: Path) -> None:
    context = task_context.job(bucket, small)
    validate.run(context)
    assert isinstance(context.reporter, task_context.Recorder)
    assert sorted(set(context.reporter.percent["validate_video"])) == [25, 50, 75, 100]
    assert context.reporter.finished == ["store_source", "validate_video"]


def test_a_cancelled_job_stops_being_validated(bucket: MediaBucket, small: Path) -> None:
    context = task_context.job(bucket, small)
    assert isinstance(context.reporter, task_context.Recorder)
    context.reporter.stop = lambda percent: percent.get("validate_video", 0) >= 40
    with pytest.raises(Stopped):
        validate.run(context)
