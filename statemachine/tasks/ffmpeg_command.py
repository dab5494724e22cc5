"""Builds the ffmpeg command of the media task: one input, decoded once, and every output of the plan."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from mediajobs.media.ladder import KEYFRAME_SECONDS, Rendition, Size, TranscodePlan
from mediajobs.media.source import SourceFacts
from statemachine.tasks.ffprobe import DECODE_OPTIONS

PROGRESS = "progress"  # the name of its pipe, beside those of the renditions
AUDIO_FILE = "audio.mp3"  # a file and no pipe, because its header is written last
THUMBNAIL_FILES = "thumbnail-%02d.jpg"
THUMBNAIL_SECONDS = 10  # the thumbnail is chosen from the first 10 s
THUMBNAIL_RATE = 2  # frames per second that are considered
THUMBNAIL_BATCH = 4  # frames for one candidate; ffmpeg reports no progress before the first candidate
SAMPLE_RATE = 48000
MP3_BITRATE = 128_000  # bit/s
MP4_FLAGS = "frag_keyframe+empty_moov+default_base_moof+delay_moov"
NO_METADATA = {"map_metadata": -1, "map_chapters": -1}  # the file of a phone holds the place where it was recorded
X264: dict[str, str | int] = {
    "vcodec": "libx264",
    "preset": "veryfast",
    "profile:v": "high",
    "pix_fmt": "yuv420p",
    # The same keyframes in every rendition: at fixed times, not at scene cuts nor where a group of pictures is full.
    "force_key_frames": f"expr:gte(t,n_forced*{KEYFRAME_SECONDS})",
    "sc_threshold": 0,
    "g": 9999,
}
AAC: dict[str, str | int] = {"acodec": "aac", "b:a": "128k"}
# HDR to BT.709, through linear light: without it HDR looks grey on an SDR screen. HDR is BT.2020, tagged or not.
TONE_MAP: tuple[tuple[str, dict[str, str | int]], ...] = (
    ("setparams", {"color_primaries": "bt2020", "colorspace": "bt2020nc"}),
    ("zscale", {"transfer": "linear", "npl": 100}),
    ("format", {"pix_fmts": "gbrpf32le"}),
    ("zscale", {"primaries": "709"}),
    ("tonemap", {"tonemap": "hable", "desat": 0}),
    ("zscale", {"transfer": "709", "matrix": "709", "range": "limited"}),
)


def command(source: SourceFacts, plan: TranscodePlan, url: str, pipes: Mapping[str, int], folder: Path) -> list[str]:
    """The command line. `pipes` holds the file descriptor of each rendition's pipe, by name, and of `progress`."""
    source_input = ffmpeg.input(url, **DECODE_OPTIONS)  # type: ignore[no-untyped-call]
    pictures, sounds = _video_copies(source_input, source, plan), _audio_copies(source_input, source, plan)
    outputs = []
    if plan.thumbnail:
        outputs.append(_thumbnail_output(pictures.pop(), plan.thumbnail, source, folder))
    if plan.audio:
        outputs.append(_audio_output(sounds.pop(), folder))
    if plan.renditions:
        outputs.append(_rendition_outputs(_scaled_copies(pictures.pop(), source, plan), sounds, plan, pipes))
    options = ["-nostdin", "-hide_banner", "-v", "error", "-stats_period", "0.25", "-progress"]
    merged = ffmpeg.merge_outputs(*outputs).global_args(*options, f"pipe:{pipes[PROGRESS]}").overwrite_output()
    arguments: list[str] = merged.compile()
    return arguments


def _video_copies(source_input: Any, source: SourceFacts, plan: TranscodePlan) -> list[Any]:
    """The deinterlaced video, one copy for the renditions and one for the thumbnail, where the plan has them."""
    users = bool(plan.renditions) + bool(plan.thumbnail)
    if source.video is None or not users:
        return []
    return _copies(source_input[str(source.video.index)].filter("yadif", deint="interlaced"), "split", users)


def _audio_copies(source_input: Any, source: SourceFacts, plan: TranscodePlan) -> list[Any]:
    """The audio in stereo, from time 0, its gaps filled with silence: one copy for the renditions, one for the MP3."""
    users = bool(plan.renditions) + plan.audio
    if source.audio is None or not users:
        return []
    resampled = {"osr": SAMPLE_RATE, "ocl": "stereo", "async": 1, "first_pts": 0}
    return _copies(source_input[str(source.audio.index)].filter("aresample", **resampled), "asplit", users)


def _scaled_copies(picture: Any, source: SourceFacts, plan: TranscodePlan) -> list[Any]:
    """One stream of constant frame rate for each rendition. Each is scaled down from the next larger one."""
    rate = plan.frame_rate or Fraction(25)
    picture = picture.filter("fps", fps=f"{rate.numerator}/{rate.denominator}", start_time=0)
    scaled: list[Any] = []
    for rendition in plan.renditions:
        picture = _scale(picture, rendition.size)
        if source.video and source.video.hdr and not scaled:
            picture = _tone_mapped(picture)
        picture, copy = _copies(picture.filter("format", "yuv420p"), "split", 2)
        scaled.append(copy)
    return scaled


def _rendition_outputs(pictures: list[Any], sounds: list[Any], plan: TranscodePlan, pipes: Mapping[str, int]) -> Any:
    """Encodes each video stream and the audio once. The tee muxer writes an MP4 for each rendition."""
    sound = ",a" if sounds else ""
    slaves = [
        rf"[select=\'v:{index}{sound}\':f=mp4:movflags={MP4_FLAGS}]pipe:{pipes[rendition.name]}"
        for index, rendition in enumerate(plan.renditions)
    ]
    return ffmpeg.output(
        *pictures,
        *sounds,
        "|".join(slaves),
        format="tee",
        flags="+global_header",
        **NO_METADATA,
        **X264,
        **(AAC if sounds else {}),
        **{
            name: value
            for index, rendition in enumerate(plan.renditions)
            for name, value in _rate_control(index, rendition).items()
        },
    )


def _rate_control(index: int, rendition: Rendition) -> dict[str, int]:
    rate = rendition.max_bitrate
    return {f"crf:v:{index}": rendition.crf, f"maxrate:v:{index}": rate, f"bufsize:v:{index}": 2 * rate}


def _audio_output(sound: Any, folder: Path) -> Any:
    path = str(folder / AUDIO_FILE)
    return ffmpeg.output(sound, path, format="mp3", acodec="libmp3lame", **{"b:a": MP3_BITRATE}, **NO_METADATA)


def _thumbnail_output(picture: Any, size: Size, source: SourceFacts, folder: Path) -> Any:
    """Candidates from the first seconds: of every few frames the one most like the others, so no flash."""
    picture = picture.filter("setpts", "PTS-STARTPTS").filter("trim", end=THUMBNAIL_SECONDS)
    picture = _scale(picture.filter("fps", fps=THUMBNAIL_RATE, round="up"), size)  # up: one frame is one candidate
    if source.video and source.video.hdr:
        picture = _tone_mapped(picture)
    picture = picture.filter("thumbnail", n=THUMBNAIL_BATCH)
    picture = picture.filter("scale", out_range="full").filter("format", "yuvj420p")
    path = str(folder / THUMBNAIL_FILES)
    return ffmpeg.output(picture, path, format="image2", vcodec="mjpeg", **{"q:v": 3}, **NO_METADATA)


def _scale(picture: Any, size: Size) -> Any:
    return picture.filter("scale", w=size.width, h=size.height).filter("setsar", 1)


def _tone_mapped(picture: Any) -> Any:
    for name, options in TONE_MAP:
        picture = picture.filter(name, **options)
    return picture


def _copies(stream: Any, name: str, count: int) -> list[Any]:
    copies = stream.filter_multi_output(name, count)
    return [copies[index] for index in range(count)]
