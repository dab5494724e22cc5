"""What the media task makes of all kinds of sources."""

import hashlib
import random
from dataclasses import replace
from pathlib import Path

import pytest

from mediajobs.errors import JobError
from mediajobs.media.options import Options
from mediajobs.storage.bucket_store import MediaBucket
from statemachine.tasks import media, process_runner
from tests.support import media_samples, task_context
from tests.support.task_context import MediaRun


def test_every_output_is_made(whole: MediaRun) -> None:
    assert sorted(whole.outputs) == ["360p", "720p", "audio", "hls_audio", "thumbnail"]
    assert whole.reasons == {"storyboard": "source lasts no longer than 30 s"}


def test_sizes_and_hashes_are_as_the_manifest_says(whole: MediaRun) -> None:
    for output in whole.manifest.outputs:
        body = whole.body(output)
        assert (len(body), hashlib.sha256(body).hexdigest()) == (output.size_bytes, output.sha256)


def test_outputs_last_as_long_as_the_source(whole: MediaRun) -> None:
    for name in ("360p", "720p", "audio", "hls_audio"):
        assert media_samples.duration(whole.url(name)) == pytest.approx(9, abs=0.1)
        assert whole.outputs[name].duration_seconds == pytest.approx(9, abs=0.1)


@pytest.mark.parametrize(("name", "size"), [("360p", ["640", "360"]), ("720p", ["1280", "720"])])
def test_a_rendition_plays_anywhere(whole: MediaRun, name: str, size: list[str]) -> None:
    video, audio = media_samples.read(
        whole.url(name), "stream=codec_name,profile,width,height,pix_fmt,channels,sample_rate"
    )
    assert video == ["h264", "High", *size, "yuv420p"]
    assert audio == ["aac", "LC", "48000", "2"]


def test_keyframes_are_at_the_same_times_in_every_rendition(whole: MediaRun) -> None:
    times = {
        name: media_samples.read(whole.url(name), "packet=pts_time,flags", "-select_streams", "v")
        for name in ("360p", "720p")
    }
    keyframes = {name: [row[0] for row in rows if "K" in row[1]] for name, rows in times.items()}
    assert keyframes["360p"] == keyframes["720p"]
    assert [float(time) for time in keyframes["360p"]] == pytest.approx([0, 4.004, 8.008], abs=0.001)


def test_the_index_covers_the_whole_file(whole: MediaRun) -> None:
    for name in ("360p", "720p"):
        rendition = whole.outputs[name]
        end = rendition.init_size or 0
        for fragment in rendition.fragments:
            assert fragment.offset == end
            assert whole.body(rendition)[end + 4 : end + 8] == b"moof"
            end = fragment.offset + fragment.size
        assert whole.body(rendition)[end + 4 : end + 8] == b"mfra"
        assert sum(f.duration for f in rendition.fragments) == pytest.approx(9, abs=0.1)


def test_bandwidths_and_codecs_are_what_is_in_the_file(whole: MediaRun) -> None:
    small, large = whole.outputs["360p"], whole.outputs["720p"]
    assert (small.codecs, large.codecs) == ("avc1.640016,mp4a.40.2", "avc1.64001f,mp4a.40.2")
    assert large.average_bandwidth is not None
    assert large.average_bandwidth == pytest.approx(large.size_bytes * 8 / 9, rel=0.02)
    assert (large.peak_bandwidth or 0) >= large.average_bandwidth > (small.average_bandwidth or 0)


def test_the_thumbnail_is_a_picture_of_the_source(whole: MediaRun) -> None:
    assert media_samples.read(whole.url("thumbnail"), "stream=codec_name,width,height") == [["mjpeg", "1280", "720"]]


def test_progress_grows_through_real_values(whole: MediaRun) -> None:
    percent = whole.recorder.percent
    for task, values in percent.items():
        assert values == sorted(values), task
        assert any(0 < value < 100 for value in values), task
    assert len(set(percent["transcode_720p"])) > 3


def test_everything_is_finished_and_timed(whole: MediaRun) -> None:
    tasks = {"transcode_360p", "transcode_720p", "extract_audio_mp3", "generate_thumbnail", "prepare_hls"}
    assert set(whole.recorder.finished) == tasks | {"upload_outputs"}
    assert set(whole.manifest.seconds) == tasks | {"upload_outputs"}
    assert all(seconds > 0 for seconds in whole.manifest.seconds.values())


def test_a_second_run_returns_at_once_and_runs_nothing(whole: MediaRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process_runner, "run", lambda *_, **__: pytest.fail("ffmpeg was run again"))
    recorder = task_context.Recorder()
    assert media.run(replace(whole.context, attempt=2, reporter=recorder)) == whole.manifest
    assert set(recorder.finished) == set(whole.recorder.finished)


def test_a_video_without_audio_has_silent_renditions(bucket: MediaBucket, tmp_path: Path) -> None:
    media_samples.ffmpeg(*media_samples.picture("640x360", 2), *media_samples.VIDEO, tmp_path / "clip.mp4")
    made = task_context.run_media(bucket, tmp_path / "clip.mp4")
    assert media_samples.read(made.url("360p"), "stream=codec_type") == [["video"]]
    assert made.outputs["360p"].codecs == "avc1.64001e"
    assert made.reasons["audio"] == "source has no audio"
    assert made.recorder.skipped["extract_audio_mp3"] == "source has no audio"


def test_audio_alone_gives_audio_alone(bucket: MediaBucket, tmp_path: Path) -> None:
    media_samples.ffmpeg(*media_samples.sound(2), tmp_path / "clip.wav")
    made = task_context.run_media(bucket, tmp_path / "clip.wav")
    assert sorted(made.outputs) == ["audio", "hls_audio"]
    assert made.reasons == dict.fromkeys(["360p", "720p", "storyboard", "thumbnail"], "source has no video")
    assert media_samples.duration(made.url("audio")) == pytest.approx(2, abs=0.1)


def test_a_song_with_cover_art_gives_audio_alone(bucket: MediaBucket, tmp_path: Path) -> None:
    media_samples.ffmpeg(*media_samples.picture("300x300", 1), "-frames:v", "1", tmp_path / "cover.jpg")
    options = ["-map", "0", "-map", "1", "-c:v", "copy", "-disposition:v", "attached_pic"]
    media_samples.ffmpeg(*media_samples.sound(2), "-i", tmp_path / "cover.jpg", *options, tmp_path / "song.mp3")
    made = task_context.run_media(bucket, tmp_path / "song.mp3")
    assert sorted(made.outputs) == ["audio", "hls_audio"]
    assert media_samples.read(made.url("audio"), "stream=codec_type") == [["audio"]]


def test_a_small_source_is_never_enlarged(bucket: MediaBucket, small: Path) -> None:
    made = task_context.run_media(bucket, small)
    assert sorted(made.outputs) == ["360p", "audio", "hls_audio", "thumbnail"]
    assert made.reasons["720p"] == "source is smaller than 720p"
    assert media_samples.read(made.url("360p"), "stream=width,height", "-select_streams", "v") == [["320", "180"]]
    assert media_samples.read(made.url("thumbnail"), "stream=width,height") == [["320", "180"]]


def test_a_source_between_the_renditions_gets_the_smaller_one(bucket: MediaBucket, tmp_path: Path) -> None:
    made = task_context.run_media(bucket, media_samples.clip(tmp_path / "clip.mp4", "1278x718", 1))
    assert media_samples.read(made.url("360p"), "stream=width,height", "-select_streams", "v") == [["640", "360"]]
    assert made.reasons["720p"] == "source is smaller than 720p"


def test_odd_sizes_become_even_ones(bucket: MediaBucket, tmp_path: Path) -> None:
    clip = media_samples.clip(tmp_path / "clip.mkv", "641x361", 1, options=["-pix_fmt", "yuv444p"])
    made = task_context.run_media(bucket, clip)
    assert media_samples.read(made.url("360p"), "stream=width,height", "-select_streams", "v") == [["640", "360"]]


def test_a_phone_held_upright_gives_an_upright_picture(bucket: MediaBucket, tmp_path: Path) -> None:
    left_white = ["-vf", "drawbox=w=iw/2:color=white:t=fill,drawbox=x=iw/2:w=iw/2:color=black:t=fill"]
    plain = media_samples.clip(tmp_path / "plain.mp4", "640x360", 1, options=left_white)
    made = task_context.run_media(bucket, media_samples.turned(plain, tmp_path / "turned.mp4"))
    assert media_samples.read(made.url("360p"), "stream=width,height", "-select_streams", "v") == [["360", "640"]]
    top, bottom = media_samples.halves(made.url("360p"))
    assert top > 200 > 50 > bottom


def test_a_variable_frame_rate_becomes_constant_and_keeps_its_length(bucket: MediaBucket, tmp_path: Path) -> None:
    options = ["-vf", "select='lt(mod(n,10),4)'", "-fps_mode", "vfr", "-video_track_timescale", "90000"]
    made = task_context.run_media(bucket, media_samples.clip(tmp_path / "clip.mp4", "640x360", 4, "30", options))
    packets = media_samples.read(made.url("360p"), "packet=duration_time", "-select_streams", "v")
    assert len({row[0] for row in packets}) == 1
    assert media_samples.duration(made.url("360p")) == pytest.approx(4, abs=0.1)


def test_surround_sound_is_mixed_down_to_stereo(bucket: MediaBucket, tmp_path: Path) -> None:
    media_samples.ffmpeg(
        *media_samples.picture("640x360", 1),
        *media_samples.surround(1),
        *media_samples.VIDEO,
        "-c:a",
        "ac3",
        tmp_path / "c.mkv",
    )
    made = task_context.run_media(bucket, tmp_path / "c.mkv")
    for name in ("360p", "audio"):
        assert media_samples.read(made.url(name), "stream=channels", "-select_streams", "a") == [["2"]]


@pytest.mark.parametrize("transfer", ["bt709", "smpte2084", "arib-std-b67"])
def test_ten_bit_hevc_becomes_eight_bit_sdr(bucket: MediaBucket, tmp_path: Path, transfer: str) -> None:
    hevc = ["-c:v", "libx265", "-preset", "ultrafast", "-pix_fmt", "yuv420p10le", "-color_trc", transfer]
    hevc += ["-x265-params", "log-level=none"]
    made = task_context.run_media(bucket, media_samples.clip(tmp_path / "clip.mp4", "640x360", 1, options=hevc))
    entries = media_samples.read(made.url("360p"), "stream=pix_fmt,color_transfer", "-select_streams", "v")
    assert entries[0][0] == "yuv420p"
    assert entries[0][1] not in {"smpte2084", "arib-std-b67"}


def test_a_single_frame_gives_a_rendition_and_a_thumbnail(bucket: MediaBucket, tmp_path: Path) -> None:
    media_samples.ffmpeg(
        *media_samples.picture("640x360", 1), "-frames:v", "1", *media_samples.VIDEO, tmp_path / "clip.mp4"
    )
    assert sorted(task_context.run_media(bucket, tmp_path / "clip.mp4").outputs) == ["360p", "thumbnail"]


def test_interlaced_video_is_deinterlaced(bucket: MediaBucket, tmp_path: Path) -> None:
    interlaced = ["-vf", "tinterlace=interleave_top,fieldorder=tff", "-flags", "+ildct+ilme"]
    made = task_context.run_media(bucket, media_samples.clip(tmp_path / "clip.mp4", "640x360", 1, "50", interlaced))
    assert media_samples.combing(made.url("360p")) < 0.5 * media_samples.combing(tmp_path / "clip.mp4")


def test_damaged_media_is_named(bucket: MediaBucket, tmp_path: Path) -> None:
    whole = media_samples.clip(tmp_path / "clip.mp4", "640x360", 1, options=["-movflags", "faststart"]).read_bytes()
    third = len(whole) // 3
    context = task_context.validated(task_context.job(bucket, whole[:third] + random.Random(1).randbytes(2 * third)))  # noqa: S311
    with pytest.raises(JobError) as caught:
        media.run(context)
    assert caught.value.code == "damaged_source"
    assert "0x" not in caught.value.message


def test_late_audio_stays_in_step(bucket: MediaBucket, tmp_path: Path) -> None:
    late = [*media_samples.picture("640x360", 3), "-itsoffset", "1", *media_samples.sound(2)]
    media_samples.ffmpeg(*late, *media_samples.VIDEO, *media_samples.AUDIO, tmp_path / "clip.mkv")
    made = task_context.run_media(bucket, tmp_path / "clip.mkv")
    assert media_samples.duration(made.url("audio")) == pytest.approx(3, abs=0.1)
    assert (
        media_samples.loudness(made.url("audio"), 0, 0.8)
        < -80
        < -30
        < media_samples.loudness(made.url("audio"), 1.2, 1.5)
    )


def test_only_what_is_asked_for_is_made(bucket: MediaBucket, tmp_path: Path) -> None:
    options = Options(renditions=["360p"], audio=False, thumbnail=False, storyboard=False, hls=False)
    made = task_context.run_media(bucket, media_samples.clip(tmp_path / "clip.mp4", "640x360", 1), options)
    assert sorted(made.outputs) == ["360p"]
    assert made.outputs["360p"].fragments == []
    assert made.manifest.absent == []
    assert set(made.recorder.percent) == {"transcode_360p", "upload_outputs"}


def test_where_a_phone_was_is_not_passed_on(bucket: MediaBucket, tmp_path: Path) -> None:
    options = ["-metadata", "location=+52.5200+013.4050/", "-metadata", "title=private"]
    made = task_context.run_media(bucket, media_samples.clip(tmp_path / "clip.mp4", "640x360", 1, options=options))
    for name in ("360p", "audio", "hls_audio"):
        assert b"+52.5200" not in made.body(made.outputs[name])
        assert b"private" not in made.body(made.outputs[name])
