"""The ffmpeg command of the media task as data: one input, one decode, every output of the plan."""

from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path
from typing import Any

import ffmpeg

from mediajobs.media.ladder import KEYFRAME_SECONDS, Rendition, Size, TranscodePlan
from mediajobs.media.source import SourceFacts
from statemachine.tasks.probe import DECODE_OPTIONS

PROGRESS = "progress"  # the pipe beside those of the renditions
AUDIO_FILE = "audio.mp3"  # in a file, as its header is written last
THUMBNAIL_FILES = "thumbnail-%02d.jpg"
THUMBNAIL_SECONDS = 10  # the window that the thumbnail is chosen from
THUMBNAIL_RATE = 2  # frames a second that are looked at
THUMBNAIL_BATCH = 4  # frames that make one candidate; ffmpeg reports no progress before the first one
SAMPLE_RATE = 48000
MP3_BITRATE = 128_000  # bit/s
MP4_FLAGS = "frag_keyframe+empty_moov+default_base_moof+delay_moov"
NO_METADATA = {"map_metadata": -1, "map_chapters": -1}  # a phone's file says where it was made
X264: dict[str, str | int] = {
    "vcodec": "libx264",
    "preset": "veryfast",
    "profile:v": "high",
    "pix_fmt": "yuv420p",
    # The same keyframes in every rendition: by the clock, none for scene cuts, none from a full group of pictures.
    "force_key_frames": f"expr:gte(t,n_forced*{KEYFRAME_SECONDS})",
    "sc_threshold": 0,
    "g": 9999,
}
AAC: dict[str, str | int] = {"acodec": "aac", "b:a": "128k"}
# Linear light in, BT.709 out: without it HDR looks grey on an ordinary screen. HDR is BT.2020, tagged or not.
TONE_MAP: tuple[tuple[str, dict[str, str | int]], ...] = (
    ("setparams", {"color_primaries": "bt2020", "colorspace": "bt2020nc"}),
    ("zscale", {"transfer": "linear", "npl": 100}),
    ("format", {"pix_fmts": "gbrpf32le"}),
    ("zscale", {"primaries": "709"}),
    ("tonemap", {"tonemap": "hable", "desat": 0}),
    ("zscale", {"transfer": "709", "matrix": "709", "range": "limited"}),
)


def command(source: SourceFacts, plan: TranscodePlan, url: str, pipes: Mapping[str, int], folder: Path) -> list[str]:
    """The arguments. `pipes` has the number of a pipe for each rendition, by name, and for `progress`."""
    given = ffmpeg.input(url, **DECODE_OPTIONS)  # type: ignore[no-untyped-call]
    pictures, sounds = _decoded_video(given, source, plan), _decoded_audio(given, source, plan)
    outputs = []
    if plan.thumbnail:
        outputs.append(_thumbnail(pictures.pop(), plan.thumbnail, source, folder))
    if plan.audio:
        outputs.append(_audio(sounds.pop(), folder))
    if plan.renditions:
        outputs.append(_renditions(_scaled(pictures.pop(), source, plan), sounds, plan, pipes))
    options = ["-nostdin", "-hide_banner", "-v", "error", "-stats_period", "0.25", "-progress"]
    merged = ffmpeg.merge_outputs(*outputs).global_args(*options, f"pipe:{pipes[PROGRESS]}").overwrite_output()
    arguments: list[str] = merged.compile()
    return arguments


def _decoded_video(given: Any, source: SourceFacts, plan: TranscodePlan) -> list[Any]:
    """The video once for the renditions, once for the thumbnail, as far as they are wanted."""
    users = bool(plan.renditions) + bool(plan.thumbnail)
    if source.video is None or not users:
        return []
    return _split(given[str(source.video.index)].filter("yadif", deint="interlaced"), "split", users)


def _decoded_audio(given: Any, source: SourceFacts, plan: TranscodePlan) -> list[Any]:
    """At most stereo, from the very start, with silence in its gaps, once for the renditions and once for the MP3."""
    users = bool(plan.renditions) + plan.audio
    if source.audio is None or not users:
        return []
    resampled = {"osr": SAMPLE_RATE, "ocl": "stereo", "async": 1, "first_pts": 0}
    return _split(given[str(source.audio.index)].filter("aresample", **resampled), "asplit", users)


def _scaled(picture: Any, source: SourceFacts, plan: TranscodePlan) -> list[Any]:
    """One constant-rate stream for each rendition: each is made of the next larger."""
    rate = plan.frame_rate or Fraction(25)
    picture = picture.filter("fps", fps=f"{rate.numerator}/{rate.denominator}", start_time=0)
    scaled: list[Any] = []
    for rendition in plan.renditions:
        picture = _scale(picture, rendition.size)
        if source.video and source.video.hdr and not scaled:
            picture = _tone_mapped(picture)
        picture, made = _split(picture.filter("format", "yuv420p"), "split", 2)
        scaled.append(made)
    return scaled


def _renditions(pictures: list[Any], sounds: list[Any], plan: TranscodePlan, pipes: Mapping[str, int]) -> Any:
    """One encode for each picture and one for the sound; the tee muxer gives every rendition its own MP4."""
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
        **{name: value for index, r in enumerate(plan.renditions) for name, value in _rate_control(index, r).items()},
    )


def _rate_control(index: int, rendition: Rendition) -> dict[str, int]:
    rate = rendition.max_bitrate
    return {f"crf:v:{index}": rendition.crf, f"maxrate:v:{index}": rate, f"bufsize:v:{index}": 2 * rate}


def _audio(sound: Any, folder: Path) -> Any:
    path = str(folder / AUDIO_FILE)
    return ffmpeg.output(sound, path, format="mp3", acodec="libmp3lame", **{"b:a": MP3_BITRATE}, **NO_METADATA)


def _thumbnail(picture: Any, size: Size, source: SourceFacts, folder: Path) -> Any:
    """Candidates from the first seconds: of each few frames the one that is most like the others, so no flash."""
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


def _split(stream: Any, name: str, count: int) -> list[Any]:
    copies = stream.filter_multi_output(name, count)
    return [copies[index] for index in range(count)]
