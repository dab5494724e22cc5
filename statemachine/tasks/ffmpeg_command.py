"""Builds the ffmpeg command of the media task: raw pictures and samples in, every encoded output out."""

import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import ffmpeg
from imageio_ffmpeg import get_ffmpeg_exe  # type: ignore[attr-defined]

from mediajobs.media.encoding import AudioEncoding
from mediajobs.media.ladder import KEYFRAME_SECONDS, Rendition, TranscodePlan
from mediajobs.media.outputs import HLS_AUDIO
from statemachine.tasks import limits

PICTURES, SAMPLES, PROGRESS = "pictures", "samples", "progress"  # names of its pipes, beside those of the outputs
AUDIO_FILE = "audio.mp3"  # a file and no pipe, because its header is written last
SAMPLE_RATE, SAMPLE_FORMAT = 48000, "f32le"
VIDEO_FLAGS = "frag_keyframe+empty_moov+default_base_moof+delay_moov"
AUDIO_FLAGS = "empty_moov+default_base_moof+delay_moov"
COLOURS = {"colorspace": "bt709", "color_primaries": "bt709", "color_trc": "bt709", "range": "tv"}
_QUEUED_PICTURES = 2  # before the filters; FFmpeg's own choice, 8, are 100 MB in 2160p
X264: dict[str, str | int] = {
    "vcodec": "libx264",
    "profile:v": "high",
    "pix_fmt": "yuv420p",
    # The same keyframes in every rendition: at fixed times, not at scene cuts nor where a group of pictures is full.
    "force_key_frames": f"expr:gte(t,n_forced*{KEYFRAME_SECONDS})",
    "sc_threshold": 0,
    "g": 9999,
    "threads": limits.ENCODER_THREADS,
}


@functools.cache
def executable() -> str:
    """The pinned ffmpeg."""
    path: str = get_ffmpeg_exe()  # type: ignore[no-untyped-call]
    return path


def command(plan: TranscodePlan, pipes: Mapping[str, int], folder: Path) -> list[str]:
    """The command line. `pipes` holds the file descriptor of each pipe by name, as `pipes_of` names them."""
    outputs = []
    sounds = _sounds(plan, pipes)
    if plan.audio and plan.audio_encoding:
        outputs.append(_mp3_output(sounds.pop(), plan.audio_encoding, folder))
    if played(plan):
        outputs.append(_played_outputs(_pictures(plan, pipes), sounds, plan, pipes))
    options = ["-nostdin", "-hide_banner", "-v", "error", "-stats_period", "0.25", "-progress"]
    merged = ffmpeg.merge_outputs(*outputs).global_args(*options, f"pipe:{pipes[PROGRESS]}").overwrite_output()
    arguments: list[str] = merged.compile(cmd=executable())
    return arguments


def is_needed(plan: TranscodePlan) -> bool:
    """Whether anything is encoded; thumbnail and storyboard come from the decoder."""
    return plan.audio or bool(played(plan))


def played(plan: TranscodePlan) -> list[str]:
    """The outputs that are written into pipes: the renditions, the largest first, and the sound of HLS."""
    sound = [HLS_AUDIO] if plan.hls and plan.audio_encoding else []
    return [rendition.name for rendition in plan.renditions] + sound


def needs_samples(plan: TranscodePlan) -> bool:
    return plan.audio_encoding is not None and is_needed(plan)


def _pictures(plan: TranscodePlan, pipes: Mapping[str, int]) -> list[Any]:
    """One stream for each rendition. Each is scaled down from the next larger one."""
    if not plan.renditions or plan.frame_rate is None:
        return []
    source = ffmpeg.input(  # type: ignore[no-untyped-call]
        f"pipe:{pipes[PICTURES]}",
        format="rawvideo",
        pix_fmt="yuv420p",
        s=f"{plan.picture.width}x{plan.picture.height}",
        r=f"{plan.frame_rate.numerator}/{plan.frame_rate.denominator}",
        thread_queue_size=_QUEUED_PICTURES,
    )
    picture = source.video.filter("setparams", **COLOURS)
    scaled: list[Any] = []
    for rendition in plan.renditions:
        if rendition.size != plan.picture:
            picture = picture.filter("scale", w=rendition.size.width, h=rendition.size.height).filter("setsar", 1)
        picture, copy = _copies(picture, "split", 2) if rendition is not plan.renditions[-1] else (None, picture)
        scaled.append(copy)
    return scaled


def _sounds(plan: TranscodePlan, pipes: Mapping[str, int]) -> list[Any]:
    """The samples: one stream for everything that is played, one for the MP3."""
    if not needs_samples(plan) or plan.audio_encoding is None:
        return []
    channels = plan.audio_encoding.channels
    options = {"format": SAMPLE_FORMAT, "ar": SAMPLE_RATE, "ac": channels}
    source = ffmpeg.input(f"pipe:{pipes[SAMPLES]}", **options)  # type: ignore[no-untyped-call]
    users = bool(played(plan)) + plan.audio
    return _copies(source.audio, "asplit", users) if users > 1 else [source.audio]


def _played_outputs(pictures: list[Any], sounds: list[Any], plan: TranscodePlan, pipes: Mapping[str, int]) -> Any:
    """Encodes each video stream and the audio once. The tee muxer writes an MP4 for each output."""
    slaves = [_slave(name, index, pipes[name], sound=",a" if sounds else "") for index, name in enumerate(played(plan))]
    return ffmpeg.output(
        *pictures,
        *sounds,
        "|".join(slaves),
        format="tee",
        flags="+global_header",
        **(X264 | {"preset": plan.encoder.preset} | dict(plan.encoder.options) if pictures else {}),
        **(_aac(plan.audio_encoding) if sounds and plan.audio_encoding else {}),
        **{
            name: value
            for index, rendition in enumerate(plan.renditions)
            for name, value in _rate_control(index, rendition).items()
        },
    )


def _slave(name: str, index: int, pipe: int, *, sound: str) -> str:
    if name == HLS_AUDIO:
        options = f"select=a:f=mp4:movflags={AUDIO_FLAGS}:frag_duration={KEYFRAME_SECONDS * 1_000_000}"
    else:
        options = rf"select=\'v:{index}{sound}\':f=mp4:movflags={VIDEO_FLAGS}"
    return f"[{options}]pipe:{pipe}"


def _rate_control(index: int, rendition: Rendition) -> dict[str, str | int]:
    control = rendition.rate_control
    return {
        f"crf:v:{index}": control.crf,
        f"maxrate:v:{index}": control.max_bitrate,
        f"bufsize:v:{index}": control.buffer_bits,
        f"rc-lookahead:v:{index}": control.lookahead,
        f"bf:v:{index}": control.b_frames,
        f"thread_type:v:{index}": "slice" if control.shares_pictures else "frame",
    }


def _aac(audio: AudioEncoding) -> dict[str, str | int]:
    return {"acodec": "aac", "b:a": audio.aac_bitrate}


def _mp3_output(sound: Any, audio: AudioEncoding, folder: Path) -> Any:
    return ffmpeg.output(
        sound, str(folder / AUDIO_FILE), format="mp3", acodec="libmp3lame", **{"b:a": audio.mp3_bitrate}
    )


def _copies(stream: Any, name: str, count: int) -> list[Any]:
    copies = stream.filter_multi_output(name, count)
    return [copies[index] for index in range(count)]
