"""Recordings as recorders, cameras and broadcasters make them, each judged by what another reader finds in the outputs.

The kinds come from public bug reports about recorders, players and transcoders.
"""

import wave
from pathlib import Path

import pytest

from mediajobs.errors import JobError
from mediajobs.media.options import Options
from mediajobs.storage.bucket_store import MediaBucket
from statemachine.tasks import audio_decoder, validate
from tests.support import marks, media_samples, task_context
from tests.support.marks import BEEP, FLASH
from tests.support.media_samples import ffmpeg
from tests.support.task_context import MediaRun

SMALL = Options(renditions=["240p"])
X264 = ["-c:v", "libx264", "-preset", "ultrafast"]
FRAME = 1 / 25


def card(size: str = "320x180", rate: str = "25", seconds: float = 3) -> list[str]:
    return media_samples.picture(size, seconds, rate)


def tone(seconds: float) -> list[str]:
    return ["-f", "lavfi", "-i", f"sine=f=440:r=48000:d={seconds}"]


def marked(path: Path, size: str = "320x180", seconds: float = 3, options: list[str] | None = None) -> Path:
    """A flash and a beep at the same moments."""
    flash = ["-f", "lavfi", "-i", f"color=gray:s={size}:r=25:d={seconds},{FLASH}"]
    beep = ["-f", "lavfi", "-i", f"{BEEP}:d={seconds}:s=48000"]
    ffmpeg(*flash, *beep, *X264, "-bf", "0", "-g", "50", "-c:a", "aac", *(options or []), path)
    return path


def joined(paths: list[Path], path: Path) -> Path:
    """By ffmpeg's concat demuxer, without encoding."""
    listing = path.with_suffix(".txt")
    listing.write_text("".join(f"file {part}\n" for part in paths))
    ffmpeg("-f", "concat", "-safe", "0", "-i", listing, "-c", "copy", path)
    return path


def appended(paths: list[Path], path: Path) -> Path:
    """Byte by byte, as a recorder goes on in the same file."""
    path.write_bytes(b"".join(part.read_bytes() for part in paths))
    return path


def codes(bucket: MediaBucket, path: Path) -> list[str]:
    return [warning.code for warning in validate.run(task_context.job(bucket, path)).warnings]


def assert_in_step(made: MediaRun, seconds: float, flashes: list[float], rate: float = 25) -> None:
    """Everything lasts `seconds`, and flashes and beeps are at these times."""
    rendition = made.url("240p")
    assert marks.frame_count(rendition) == pytest.approx(seconds * rate, abs=0.1 * rate)
    assert marks.seconds_of_sound(rendition) == pytest.approx(seconds, abs=0.1)
    assert marks.seconds_of_sound(made.url("audio")) == pytest.approx(seconds, abs=0.1)
    assert marks.flash_times(rendition, rate) == pytest.approx(flashes, abs=FRAME + 0.01)
    assert marks.beep_times(rendition) == pytest.approx(flashes, abs=0.04)
    assert made.context.source is not None
    assert made.context.source.duration_seconds == pytest.approx(seconds, abs=0.1)
    assert_regular(made)


def assert_regular(made: MediaRun) -> None:
    """Segments of about 4 s, whatever the source holds."""
    durations = [fragment.duration for output in made.manifest.outputs for fragment in output.fragments]
    assert max(durations) <= 4.1


def test_the_size_of_the_picture_changes(bucket: MediaBucket, tmp_path: Path) -> None:
    sizes = ("320x180", "160x90", "320x180", "180x180")
    parts = [marked(tmp_path / f"{number}.mkv", size) for number, size in enumerate(sizes)]
    made = task_context.run_media(bucket, joined(parts, tmp_path / "joined.mkv"), SMALL)
    source = made.context.source
    assert source is not None
    start = source.duration_seconds / 4
    assert_in_step(made, 12.1, [1, 1 + start, 1 + 2 * start, 1 + 3 * start])
    assert marks.colour(made.url("240p"), 11) != (0, 0, 0)


def test_a_picture_of_another_shape_keeps_its_aspect(bucket: MediaBucket, tmp_path: Path) -> None:
    for number, size in enumerate(("320x180", "180x180")):
        ffmpeg("-f", "lavfi", "-i", f"color=white:s={size}:r=25:d=1", *X264, tmp_path / f"{number}.mkv")
    made = task_context.run_media(bucket, joined([tmp_path / "0.mkv", tmp_path / "1.mkv"], tmp_path / "c.mkv"), SMALL)
    edges = ["-vf", "crop=8:8:0:0,scale=1:1,format=gray", "-f", "rawvideo", "-"]
    levels = media_samples.output("-i", made.url("240p"), *edges)
    assert (levels[5] > 200, levels[-5] < 30) == (True, True)
    assert marks.colour(made.url("240p"), 1.5) == pytest.approx((255, 255, 255), abs=3)


def test_the_number_of_channels_changes(bucket: MediaBucket, tmp_path: Path) -> None:
    for number, mix in enumerate(("anull", "pan=5.1|FC=c0", "pan=mono|c0=c0")):
        options = ["-filter:a", mix, "-c:v", "mpeg2video", "-c:a", "ac3", "-ar", "48000"]
        flash = ["-f", "lavfi", "-i", f"color=gray:s=320x180:r=25:d=3,{FLASH}"]
        ffmpeg(*flash, "-f", "lavfi", "-i", f"{BEEP}:d=3:s=48000", *options, tmp_path / f"{number}.ts")
    path = joined([tmp_path / f"{number}.ts" for number in range(3)], tmp_path / "channels.ts")
    assert_in_step(task_context.run_media(bucket, path, SMALL), 9.05, [1, 4.03, 7.05])


@pytest.mark.parametrize("seconds", [40, 70])
def test_sound_outlasts_the_picture(bucket: MediaBucket, tmp_path: Path, seconds: int) -> None:
    ffmpeg(*card(seconds=3), *tone(seconds), *X264, "-c:a", "aac", tmp_path / "talk.mp4")
    made = task_context.run_media(bucket, tmp_path / "talk.mp4", SMALL)
    assert marks.frame_count(made.url("240p")) == pytest.approx(25 * seconds, abs=3)
    assert_regular(made)
    assert codes(bucket, tmp_path / "talk.mp4") == ["gap_filled"]


@pytest.mark.parametrize("container", ["mkv", "ts"])
def test_a_microphone_is_muted_for_a_minute(bucket: MediaBucket, tmp_path: Path, container: str) -> None:
    marked(tmp_path / "marked.mkv", seconds=64)
    muted = ["-c", "copy", "-bsf:a", r"noise=drop=between(pts*tb\,10\,58)"]
    ffmpeg("-i", tmp_path / "marked.mkv", *muted, tmp_path / "muted.mkv")
    ffmpeg("-i", tmp_path / "muted.mkv", "-c", "copy", tmp_path / f"again.{container}")
    made = task_context.run_media(bucket, tmp_path / f"again.{container}", SMALL)
    assert marks.beep_times(made.url("240p")) == pytest.approx([1, 3, 5, 7, 9, 59, 61, 63], abs=0.04)
    assert marks.flash_times(made.url("240p"), 25)[-1] == pytest.approx(63, abs=FRAME)
    assert_regular(made)


def test_sound_begins_late(bucket: MediaBucket, tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", f"color=gray:s=320x180:r=25:d=60,{FLASH}", *X264, tmp_path / "v.mp4")
    late = ["-itsoffset", "50", "-f", "lavfi", "-i", f"{BEEP}:d=10:s=48000"]
    ffmpeg("-i", tmp_path / "v.mp4", *late, "-c:v", "copy", "-c:a", "libopus", tmp_path / "late.mkv")
    made = task_context.run_media(bucket, tmp_path / "late.mkv", SMALL)
    assert marks.beep_times(made.url("240p")) == pytest.approx([51, 53, 55, 57, 59], abs=0.04)
    assert marks.flash_times(made.url("240p"), 25)[-5:] == pytest.approx([51, 53, 55, 57, 59], abs=FRAME)


def test_a_still_screen_that_moves_at_last_is_shown_as_it_moves(bucket: MediaBucket, tmp_path: Path) -> None:
    still = ["-vf", "select='if(lt(t,6),not(mod(n,60)),1)'", "-fps_mode", "vfr"]
    for name in ("gap.mp4", "gap.webm"):
        codec = ["-c:v", "libvpx", "-deadline", "realtime"] if name.endswith("webm") else X264
        ffmpeg(*card(rate="30", seconds=9), *still, *codec, tmp_path / name)
        made = task_context.run_media(bucket, tmp_path / name, SMALL)
        assert media_samples.read(made.url("240p"), "stream=r_frame_rate") == [["30/1"]]
        assert marks.frame_count(made.url("240p")) == pytest.approx(270, abs=3)


def test_a_sound_track_without_packets(bucket: MediaBucket, tmp_path: Path) -> None:
    empty = ["-c:v", "libvpx", "-deadline", "realtime", "-c:a", "libopus", "-bsf:a", "noise=drop=1", "-f", "webm"]
    ffmpeg(*card(), *tone(3), *empty, tmp_path / "empty.webm")
    made = task_context.run_media(bucket, tmp_path / "empty.webm", SMALL)
    assert made.reasons["audio"] == "source has no audio"
    assert media_samples.read(made.url("240p"), "stream=codec_type") == [["video"]]
    assert codes(bucket, tmp_path / "empty.webm") == ["track_skipped"]


def test_a_stream_is_cut_in_the_middle_of_a_group_of_pictures(bucket: MediaBucket, tmp_path: Path) -> None:
    whole = marked(tmp_path / "whole.ts", seconds=12, options=["-g", "150", "-sc_threshold", "0"]).read_bytes()
    (tmp_path / "cut.ts").write_bytes(whole[len(whole) // 188 // 4 * 188 :])
    made = task_context.run_media(bucket, tmp_path / "cut.ts", SMALL)
    flashes, beeps = marks.flash_times(made.url("240p"), 25), marks.beep_times(made.url("240p"))
    assert len(flashes) >= 2
    assert flashes == pytest.approx(beeps[-len(flashes) :], abs=0.05)


def test_a_container_that_only_guesses_its_duration(bucket: MediaBucket, tmp_path: Path) -> None:
    loud = "[0:a]volume=0.5[a];[1:a]apad=pad_dur=4[b];[a][b]concat=n=2:v=0:a=1"
    noise = ["-f", "lavfi", "-i", "anoisesrc=d=8:a=0.5:c=white:r=44100", "-f", "lavfi", "-i", f"{BEEP}:d=4:s=44100"]
    ffmpeg(*noise, "-filter_complex", loud, "-c:a", "aac", "-q:a", "1.2", "-ac", "1", tmp_path / "adts.aac")
    made = task_context.run_media(bucket, tmp_path / "adts.aac")
    assert marks.seconds_of_sound(made.url("audio")) == pytest.approx(16, abs=0.1)
    assert codes(bucket, tmp_path / "adts.aac") == ["duration_guessed"]
    assert made.context.source is not None
    heard = audio_decoder.decode(task_context.stored_source(made.context), made.context.source, lambda: None)
    assert len(heard) / 16000 == pytest.approx(16, abs=0.1)


@pytest.mark.parametrize("offset", [0, 5000, 50000])
def test_timestamps_jump_where_a_stream_was_restarted(bucket: MediaBucket, tmp_path: Path, offset: int) -> None:
    one = marked(tmp_path / "one.ts", seconds=4)
    marked(tmp_path / "two.ts", seconds=4, options=["-output_ts_offset", str(offset)])
    path = appended([one, tmp_path / "two.ts"], tmp_path / "jump.ts")
    made = task_context.run_media(bucket, path, SMALL)
    assert_in_step(made, 8.05, [1, 3, 5.03, 7.03])
    assert "timestamps_mended" in codes(bucket, path)


def test_a_thrifty_source_is_not_made_larger_than_it_makes_sense(bucket: MediaBucket, tmp_path: Path) -> None:
    film = ["-f", "lavfi", "-i", "mandelbrot=s=640x360:r=25:maxiter=300:end_scale=0.02", "-t", "6"]
    grain = ["-vf", "hue=s=0.6,noise=alls=6:allf=t,format=yuv420p"]
    thrifty = ["-c:v", "libx264", "-preset", "medium", "-b:v", "150k", "-c:a", "aac", "-b:a", "32k", "-ac", "1"]
    ffmpeg(*film, *tone(6), *grain, *thrifty, "-t", "6", tmp_path / "thrifty.mp4")
    made = task_context.run_media(bucket, tmp_path / "thrifty.mp4")
    assert made.outputs["360p"].size_bytes <= 1.1 * (tmp_path / "thrifty.mp4").stat().st_size
    (bitrate,) = media_samples.read(made.url("audio"), "stream=bit_rate")[0]
    assert int(bitrate) <= 40_000


@pytest.mark.parametrize(
    ("size", "made_of_it"),
    [
        ("320x240", {"360p": ("320", "240")}),
        ("640x352", {"360p": ("640", "352")}),
        ("200x1200", {"360p": ("106", "640")}),
        ("1280x544", {"360p": ("640", "272"), "720p": ("1280", "544")}),
    ],
)
def test_there_is_always_something_to_play(
    bucket: MediaBucket, tmp_path: Path, size: str, made_of_it: dict[str, tuple[str, str]]
) -> None:
    ffmpeg(*card(size, seconds=1), *X264, tmp_path / "clip.mp4")
    made = task_context.run_media(bucket, tmp_path / "clip.mp4")
    renditions = {name for name in made.outputs if name.endswith("p")}
    assert renditions == set(made_of_it)
    for name, measures in made_of_it.items():
        assert media_samples.read(made.url(name), "stream=width,height") == [list(measures)]
        assert made.outputs[name].fragments


GREEN = "color=c=0x00BF00:s=1280x720:r=20:d=1,format=rgb24"
TAGS = ["-colorspace", "bt709", "-color_primaries", "bt709", "-color_trc", "bt709"]
COLOURS = {
    "bt709": ["-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p", *TAGS, *X264],
    "untagged": ["-vf", "scale=out_color_matrix=bt709:out_range=tv,format=yuv420p", *X264],
    "full range": ["-vf", "scale=out_color_matrix=bt709:out_range=pc,format=yuvj420p", *TAGS, *X264],
    "rgb": ["-c:v", "libx264rgb", "-preset", "ultrafast"],
}


@pytest.mark.parametrize("kind", COLOURS)
def test_colours_stay(bucket: MediaBucket, tmp_path: Path, kind: str) -> None:
    ffmpeg("-f", "lavfi", "-i", GREEN, *COLOURS[kind], tmp_path / "green.mkv")
    made = task_context.run_media(bucket, tmp_path / "green.mkv")
    tags = media_samples.read(made.url("720p"), "stream=color_range,color_space,color_transfer,color_primaries")
    assert tags == [["tv", "bt709", "bt709", "bt709"]]
    for name in ("360p", "720p", "thumbnail"):
        assert marks.colour(made.url(name)) == pytest.approx((0, 191, 0), abs=3)


@pytest.mark.parametrize("channels", [9, 10, 14])
def test_unusual_channel_layouts_are_heard(bucket: MediaBucket, tmp_path: Path, channels: int) -> None:
    with wave.open(str(tmp_path / "many.wav"), "wb") as file:
        file.setnchannels(channels)
        file.setsampwidth(2)
        file.setframerate(48000)
        file.writeframes(b"".join(bytes([0, 40 if sample // 50 % 2 else 216]) * channels for sample in range(48000)))
    ffmpeg(*card(seconds=1), "-i", tmp_path / "many.wav", "-map", "0", "-map", "1", *X264, "-c:a", "pcm_s16le",
           tmp_path / "many.mov")  # fmt: skip
    made = task_context.run_media(bucket, tmp_path / "many.mov", SMALL)
    assert media_samples.loudness(made.url("240p"), 0.2, 0.8) > -30


def test_two_sides_of_opposite_phase_are_heard(bucket: MediaBucket, tmp_path: Path) -> None:
    opposed = ["-af", "pan=stereo|c0=c0|c1=-1*c0", "-c:a", "aac"]
    ffmpeg(*card(), *tone(3), *opposed, *X264, tmp_path / "phase.mp4")
    context = task_context.validated(task_context.job(bucket, tmp_path / "phase.mp4"))
    assert context.source is not None
    heard = audio_decoder.decode(task_context.stored_source(context), context.source, lambda: None)
    assert abs(heard[8000:40000].astype(int)).mean() > 1000


@pytest.mark.parametrize("rate", ["1", "1/3"])
def test_one_frame_a_second_or_fewer(bucket: MediaBucket, tmp_path: Path, rate: str) -> None:
    ffmpeg(*card(rate=rate, seconds=12), *X264, tmp_path / "slow.mp4")
    made = task_context.run_media(bucket, tmp_path / "slow.mp4", SMALL)
    assert media_samples.duration(made.url("240p")) == pytest.approx(12, abs=0.1)
    assert_regular(made)


@pytest.mark.parametrize("container", ["mp4", "mkv"])
def test_the_last_picture_is_held(bucket: MediaBucket, tmp_path: Path, container: str) -> None:
    ffmpeg(*card(rate="10", seconds=4), *X264, "-bf", "0", "-g", "10", tmp_path / "plain.mp4")
    held = ["-c", "copy", "-bsf:v", r"setts=duration=if(gte(N\,39)\,8/TB\,DURATION)"]
    ffmpeg("-i", tmp_path / "plain.mp4", *held, tmp_path / "held.mp4")
    ffmpeg("-i", tmp_path / "held.mp4", "-c", "copy", tmp_path / f"again.{container}")
    made = task_context.run_media(bucket, tmp_path / f"again.{container}", SMALL)
    assert marks.frame_count(made.url("240p")) == pytest.approx(119, abs=2)
    assert_regular(made)


def test_a_film_with_many_fonts(bucket: MediaBucket, tmp_path: Path) -> None:
    (tmp_path / "font.ttf").write_bytes(b"\0\1\0\0")
    attached = [
        argument
        for number in range(66)
        for argument in (
            "-attach",
            tmp_path / "font.ttf",
            f"-metadata:s:t:{number}",
            "mimetype=application/x-truetype-font",
        )
    ]
    ffmpeg(*card(seconds=1), *X264, *attached, tmp_path / "fonts.mkv")
    assert "240p" in task_context.run_media(bucket, tmp_path / "fonts.mkv", SMALL).outputs


def test_the_best_track_that_can_be_decoded_is_taken(bucket: MediaBucket, tmp_path: Path) -> None:
    sounds = ["-map", "0", "-map", "1", "-map", "2", "-c:a:0", "aac", "-c:a:1", "libmp3lame"]
    ffmpeg(*card(), *tone(3), "-f", "lavfi", "-i", f"{BEEP}:d=3:s=48000", *X264, *sounds, tmp_path / "two.mkv")
    unknown = (tmp_path / "two.mkv").read_bytes().replace(b"A_AAC", b"A_QQQ", 1)
    (tmp_path / "odd.mkv").write_bytes(unknown)
    made = task_context.run_media(bucket, tmp_path / "odd.mkv", SMALL)
    assert marks.beep_times(made.url("audio")) == pytest.approx([1], abs=0.06)  # MP3 begins late
    assert codes(bucket, tmp_path / "odd.mkv") == ["track_skipped"]


@pytest.mark.parametrize("disposition", ["comment", "visual_impaired"])
def test_the_main_sound_is_taken_and_no_commentary(bucket: MediaBucket, tmp_path: Path, disposition: str) -> None:
    tracks = [
        "-map",
        "0",
        "-map",
        "1",
        "-map",
        "2",
        "-disposition:a:0",
        f"default+{disposition}",
        "-disposition:a:1",
        "0",
    ]
    ffmpeg(*card(), *tone(3), "-f", "lavfi", "-i", f"{BEEP}:d=3:s=48000", *X264, *tracks, tmp_path / "two.mkv")
    made = task_context.run_media(bucket, tmp_path / "two.mkv", SMALL)
    assert marks.beep_times(made.url("audio")) == pytest.approx([1], abs=0.04)


@pytest.mark.parametrize(
    ("name", "options"),
    [("camera.dv", ["-target", "pal-dv"]), ("anim.gif", []), ("old.mpg", ["-c:v", "mpeg2video"])],
)
def test_containers_that_are_usable(bucket: MediaBucket, tmp_path: Path, name: str, options: list[str]) -> None:
    sound = [] if name.endswith("gif") else tone(3)
    ffmpeg(*card("720x576"), *sound, *options, tmp_path / name)
    made = task_context.run_media(bucket, tmp_path / name, SMALL)
    assert media_samples.duration(made.url("240p")) == pytest.approx(3, abs=0.1)


def test_a_gif_of_one_picture_is_none(bucket: MediaBucket, tmp_path: Path) -> None:
    ffmpeg(*card(seconds=1), "-frames:v", "1", tmp_path / "still.gif")
    with pytest.raises(JobError) as caught:
        validate.run(task_context.job(bucket, tmp_path / "still.gif"))
    assert caught.value.code == "no_streams"


@pytest.mark.parametrize("start", ["color=black", "color=white", "smptebars", "color=gray,noise=alls=100:allf=t"])
def test_the_thumbnail_shows_what_is_in_the_film(bucket: MediaBucket, tmp_path: Path, start: str) -> None:
    source, _, effects = start.partition(",")
    flat = f"{source}{'=' if '=' not in source else ':'}s=320x180:r=10:d=11{',' + effects if effects else ''}"
    scene = "mandelbrot=s=320x180:r=10:start_scale=0.5:end_scale=0.1:end_pts=40,trim=duration=4,format=yuv420p"
    graph = f"{flat},format=yuv420p[a];{scene}[b];[a][b]concat=n=2"
    ffmpeg("-filter_complex", graph, *X264, tmp_path / "late.mp4")
    made = task_context.run_media(bucket, tmp_path / "late.mp4", SMALL)
    compare = ["-filter_complex", "[0:v][1:v]scale2ref[a][b];[a][b]ssim=stats_file=-", "-f", "null", "-"]
    scores = [
        media_samples.output("-i", made.url("thumbnail"), "-ss", str(second), "-i", tmp_path / "late.mp4",
                             "-frames:v", "1", *compare).decode()
        for second in (2.0, 5.0)
    ]  # fmt: skip
    assert all(float(score.split("All:")[1].split()[0]) < 0.7 for score in scores), scores


def test_hidden_pictures_stay_hidden(bucket: MediaBucket, tmp_path: Path) -> None:
    seen = "color=white:s=320x180:r=10:d=1,format=bgra,geq=r=255:g=255:b=255:a='if(lt(X,160),255,0)'"
    ffmpeg("-f", "lavfi", "-i", seen, "-c:v", "qtrle", "-pix_fmt", "argb", tmp_path / "alpha.mov")
    made = task_context.run_media(bucket, tmp_path / "alpha.mov", SMALL)
    halves = ["-frames:v", "1", "-vf", "scale=2:1:flags=area,format=gray", "-f", "rawvideo", "-"]
    left, right = media_samples.output("-i", made.url("240p"), *halves)
    assert left > 200 > 40 > right


def test_interlaced_pictures_that_are_not_flagged_are_deinterlaced(bucket: MediaBucket, tmp_path: Path) -> None:
    combed = ["-vf", "scroll=horizontal=0.02,tinterlace=interleave_top,setfield=prog"]
    ffmpeg(
        *card("640x360", "50", 2), *combed, "-c:v", "libx264", "-preset", "ultrafast", "-crf", "10", tmp_path / "c.mp4"
    )
    made = task_context.run_media(bucket, tmp_path / "c.mp4")
    assert media_samples.combing(made.url("360p")) < 0.5 * media_samples.combing(tmp_path / "c.mp4")


def test_wide_pixels_that_change_midway_keep_the_aspect(bucket: MediaBucket, tmp_path: Path) -> None:
    for number, (size, aspect) in enumerate((("320x180", "1"), ("240x180", "4/3"))):
        white = f"color=white:s={size}:r=25:d=1,setsar={aspect}"
        ffmpeg("-f", "lavfi", "-i", white, *X264, tmp_path / f"{number}.ts")
    made = task_context.run_media(bucket, appended([tmp_path / "0.ts", tmp_path / "1.ts"], tmp_path / "c.ts"), SMALL)
    edges = media_samples.output(
        "-i", made.url("240p"), "-vf", "crop=8:8:0:0,scale=1:1,format=gray", "-f", "rawvideo", "-"
    )
    assert min(edges) > 200


def test_the_wide_colours_of_sdr_become_usual_ones(bucket: MediaBucket, tmp_path: Path) -> None:
    tags = ["-colorspace", "bt2020nc", "-color_primaries", "bt2020", "-color_trc", "bt2020-10"]
    gray = (
        "color=c=0x808080:s=320x180:r=20:d=1,format=rgb24,scale=out_color_matrix=bt2020:out_range=tv,format=yuv420p10"
    )
    ffmpeg("-f", "lavfi", "-i", gray, *X264, *tags, tmp_path / "wide.mp4")
    made = task_context.run_media(bucket, tmp_path / "wide.mp4", SMALL)
    assert media_samples.read(made.url("240p"), "stream=pix_fmt,color_primaries") == [["yuv420p", "bt709"]]
    assert marks.colour(made.url("240p")) == pytest.approx((128, 128, 128), abs=3)
