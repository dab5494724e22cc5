"""Random recordings, odd as real ones are: what is true of them is known, and ffmpeg makes them.

`random_recording(seed)` is the same Recording for the same seed, on every machine.
"""

import itertools
import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import numpy as np

from tests.support import media_samples

BEEP_SECONDS = 0.08
FLASH_SECONDS = 0.1
RESTART_OFFSETS = (0.0, 50.0, 3_000.0, 50_000.0)  # of the timestamps in a part that was joined byte by byte
WRAP_SECONDS = 2**33 / 90_000  # after which timestamps of MPEG-TS begin again at 0

_USUAL_RATES = ("24000/1001", "24", "25", "30000/1001", "30", "50", "60000/1001", "60")
_RATES = (*_USUAL_RATES, "25", "30", "1", "2", "5", "15/2", "10", "12", "15", "48", "120")
_SIZES = ((160, 120), (176, 144), (192, 108), (240, 136), (320, 180), (320, 240), (96, 168), (256, 64), (64, 200))
_ODD_SIZES = ((161, 121), (101, 75))


@dataclass(frozen=True)
class _Codec:
    """`formats` are pixel or sample formats; `rates` are sample rates, or frame rates where only some are possible."""

    options: tuple[str, ...] = ()
    formats: tuple[str, ...] = ("yuv420p",)
    rates: tuple[str, ...] = ()
    features: frozenset[str] = frozenset()


@dataclass(frozen=True)
class _Container:
    """`features`: what the format can hold, and what makes sense in it."""

    suffix: str
    video: tuple[str, ...]
    audio: tuple[str, ...]
    features: frozenset[str] = frozenset()


def _features(words: str) -> frozenset[str]:
    return frozenset(words.split())


_ULTRAFAST = ("-preset", "ultrafast", "-threads", "1")
_REALTIME = ("-deadline", "realtime", "-cpu-used", "8", "-b:v", "300k", "-threads", "1")
_VIDEO = {
    "libx264": _Codec(
        _ULTRAFAST,
        ("yuv420p", "yuv420p", "yuv420p", "yuv422p", "yuv444p", "yuv420p10le"),
        features=_features("range interlace bframes cut"),
    ),
    "libx264rgb": _Codec(_ULTRAFAST, ("rgb24",), features=_features("odd")),
    "libx265": _Codec((*_ULTRAFAST, "-x265-params", "log-level=none"), ("yuv420p", "yuv420p10le")),
    "mpeg4": _Codec(("-q:v", "4"), features=_features("bframes")),
    "mpeg2video": _Codec(("-q:v", "4"), ("yuv420p", "yuv422p"), _USUAL_RATES, _features("interlace bframes")),
    "mpeg1video": _Codec(("-q:v", "4"), rates=_USUAL_RATES),
    "flv": _Codec(("-q:v", "4")),
    "wmv2": _Codec(("-q:v", "4")),
    "mjpeg": _Codec(("-q:v", "4", "-strict", "-1"), ("yuvj420p", "yuvj422p", "yuvj444p")),
    "libvpx": _Codec(_REALTIME),
    "libvpx-vp9": _Codec(_REALTIME, ("yuv420p", "yuv444p"), features=_features("odd")),
    "libtheora": _Codec(("-q:v", "6")),
    "prores_ks": _Codec((), ("yuv422p10le", "yuva444p10le")),
    "ffv1": _Codec((), ("yuv420p", "yuv444p", "bgr0", "gray", "yuv422p10le"), features=_features("odd")),
    "huffyuv": _Codec((), ("rgb24", "yuv422p")),
    "qtrle": _Codec((), ("rgb24", "argb")),
    "gif": _Codec((), ("rgb8",), ("10", "25/2", "20", "25", "50")),
}
_LOSSY_RATES = ("32000", "44100", "48000")
_PCM_RATES = ("8000", "11025", "16000", "22050", "44100", "48000", "96000")
_AUDIO = {
    "aac": _Codec(("-b:a", "96k"), rates=_LOSSY_RATES),
    "libmp3lame": _Codec(("-b:a", "96k"), rates=_LOSSY_RATES),
    "mp2": _Codec(("-b:a", "128k"), rates=_LOSSY_RATES),
    "ac3": _Codec((), rates=_LOSSY_RATES, features=_features("surround")),
    "eac3": _Codec((), rates=("48000",), features=_features("surround")),
    "libopus": _Codec((), rates=("16000", "24000", "48000")),
    "libvorbis": _Codec((), rates=_LOSSY_RATES),
    "flac": _Codec((), rates=("16000", "44100", "48000", "96000"), features=_features("surround")),
    "alac": _Codec((), rates=("44100", "48000")),
    "wmav2": _Codec((), rates=("44100",)),
    "pcm_s16le": _Codec((), rates=_PCM_RATES, features=_features("surround many")),
    "pcm_s24le": _Codec((), rates=_PCM_RATES, features=_features("surround many")),
    "pcm_f32le": _Codec((), rates=_PCM_RATES),
    "pcm_u8": _Codec((), rates=_PCM_RATES),
    "pcm_s16be": _Codec((), rates=_PCM_RATES),
    "pcm_mulaw": _Codec((), rates=("8000", "16000")),
    "adpcm_ima_wav": _Codec((), rates=("22050", "44100")),
}
_CONTAINERS = {
    "mp4": _Container(
        "mp4",
        ("libx264", "libx264", "libx265", "mpeg4", "libvpx-vp9", "mjpeg"),
        ("aac", "aac", "libmp3lame", "ac3", "alac", "libopus", "flac"),
        _features("offsets vfr gaps rotate trim fragments cover tracks timecode aspect"),
    ),
    "mov": _Container(
        "mov",
        ("libx264", "prores_ks", "mjpeg", "qtrle", "mpeg4"),
        ("aac", "pcm_s16le", "pcm_s24le", "pcm_s16be", "pcm_u8", "pcm_f32le"),
        _features("offsets vfr rotate trim tracks timecode aspect"),
    ),
    "matroska": _Container(
        "mkv",
        ("libx264", "libx264", "libx264rgb", "libx265", "mpeg4", "mpeg2video", "libvpx", "libvpx-vp9", "ffv1", "mjpeg"),
        ("aac", "libopus", "libvorbis", "flac", "ac3", "eac3", "libmp3lame", "pcm_s16le", "pcm_f32le"),
        _features("offsets vfr gaps cut cover tracks concat aspect"),
    ),
    "webm": _Container(
        "webm",
        ("libvpx", "libvpx-vp9"),
        ("libopus", "libvorbis"),
        _features("offsets vfr gaps tracks concat"),
    ),
    "mpegts": _Container(
        "ts",
        ("libx264", "libx264", "mpeg2video", "libx265"),
        ("aac", "mp2", "ac3", "eac3", "libmp3lame", "libopus"),
        _features("offsets vfr gaps cut bytes concat tracks wrap aspect channels"),
    ),
    "mpeg": _Container("mpg", ("mpeg1video", "mpeg2video"), ("mp2", "ac3"), _features("bytes aspect channels")),
    "flv": _Container("flv", ("flv", "libx264"), ("aac", "libmp3lame"), _features("offsets vfr gaps cut jump")),
    "avi": _Container("avi", ("mpeg4", "mjpeg", "huffyuv", "libx264", "ffv1"), ("libmp3lame", "pcm_s16le", "ac3")),
    "ogg": _Container("ogg", ("libtheora",), ("libvorbis", "libopus", "flac")),
    "asf": _Container("wmv", ("wmv2",), ("wmav2",), _features("offsets")),
    "gif": _Container("gif", ("gif",), ()),
    "mp3": _Container("mp3", (), ("libmp3lame",), _features("bytes cover")),
    "adts": _Container("aac", (), ("aac",), _features("bytes")),
    "wav": _Container("wav", (), ("pcm_s16le", "pcm_s24le", "pcm_f32le", "pcm_u8", "pcm_mulaw", "adpcm_ima_wav")),
    "flac": _Container("flac", (), ("flac",), _features("cover")),
    "oga": _Container("ogg", (), ("libvorbis", "libopus"), _features("bytes")),
    "m4a": _Container("m4a", (), ("aac", "alac"), _features("tracks")),
    "ac3": _Container("ac3", (), ("ac3",), _features("bytes channels")),
    "aiff": _Container("aiff", (), ("pcm_s16be",)),
}
_ODD = 3.0  # weight of the containers that can hold more odd things
_LAYOUTS = {1: "mono", 2: "stereo", 3: "2.1", 4: "4.0", 5: "5.0", 6: "5.1", 8: "7.1"}
_TRACK_OPTIONS = {
    "sound": ("-disposition:a:{}", "default"),
    "commentary": ("-disposition:a:{}", "comment"),
    "empty sound": ("-bsf:a:{}", "noise=drop=1"),
}
_PACKET_SAMPLES, _WMA_SAMPLES = 1152, 2048


@dataclass(frozen=True)
class Part:
    """A stretch that is encoded at once. Times are in seconds from its start.

    The picture has frames from `picture_start` on, for `picture_seconds`; so has the sound. The marks, at which it
    flashes and beeps, are at the start of a frame. `offset` is of its timestamps.
    """

    width: int
    height: int
    picture_start: float
    picture_seconds: float
    sound_start: float
    sound_seconds: float
    channels: int
    sample_rate: int
    marks: tuple[float, ...]
    offset: float = 0.0

    @property
    def start(self) -> float:
        return min(self.picture_start, self.sound_start)

    @property
    def end(self) -> float:
        return max(self.picture_start + self.picture_seconds, self.sound_start + self.sound_seconds)


@dataclass(frozen=True)
class Recording:
    """What a seed gives. `still` and `muted` are spans of the first part without new pictures and without sound.

    `join` is how the parts come together: their bytes in a row, or by ffmpeg's demuxer `concat`. The first `cut_frames`
    pictures are missing, and the next keyframe is the `gop`th picture. `trimmed` seconds at the beginning are hidden by
    an edit list. `dropped` is the share of pictures that are missing here and there.
    """

    seed: int
    container: str
    video: str | None
    audio: str | None
    parts: tuple[Part, ...]
    join: str = ""
    rate: Fraction = Fraction(25)
    pix_fmt: str = "yuv420p"
    aspect: Fraction = Fraction(1)
    rotation: int = 0
    full_range: bool = False
    interlaced: bool = False
    b_frames: int = 0
    gop: int = 48
    opposed: bool = False
    still: tuple[float, float] | None = None
    dropped: float = 0.0
    muted: tuple[float, float] | None = None
    cut_frames: int = 0
    trimmed: float = 0.0
    tracks: tuple[str, ...] = ()
    muxing: tuple[str, ...] = field(default=())

    @property
    def start(self) -> float:
        """The time of the first part at which there is picture or sound."""
        part = self.parts[0]
        starts = [self.trimmed + part.picture_start + float(self.cut_frames / self.rate)] if self.video else []
        return min([*starts, self.trimmed + part.sound_start] if self.audio else starts)

    @property
    def duration(self) -> float:
        return sum(part.end for part in self.parts) - self.start

    @property
    def marks(self) -> list[float]:
        """When it flashes and beeps, in seconds from its start."""
        starts = itertools.accumulate((part.end for part in self.parts[:-1]), initial=-self.start)
        return [start + mark for start, part in zip(starts, self.parts, strict=True) for mark in part.marks]

    @property
    def packet_seconds(self) -> float:
        """Of the sound: by this a coder moves its start, and not every container can tell."""
        is_exact = self.audio is None or self.audio.startswith(("pcm", "adpcm", "flac", "alac"))
        samples = _WMA_SAMPLES if self.audio == "wmav2" else _PACKET_SAMPLES
        return 0.0 if is_exact else samples / min(part.sample_rate for part in self.parts)

    @property
    def blur(self) -> float:
        """Seconds by which pictures may lie elsewhere.

        FFmpeg's demuxer moves the first whole picture after a cut to the beginning, AVI has slots for pictures, and an
        MP4 that is written without an edit list starts later by the pictures that are reordered.
        """
        frames = 2 if any("empty_moov" in option for option in self.muxing) else int(self.container == "avi")
        return max(frames, bool(self.trimmed)) / float(self.rate) if self.video else 0.0

    @property
    def display_aspect(self) -> float:
        part = self.parts[0]
        aspect = float(part.width * self.aspect / part.height)
        return 1 / aspect if self.rotation in {90, 270} else aspect

    @property
    def is_variable(self) -> bool:
        return bool(self.dropped or self.still)


def random_recording(seed: int) -> Recording:
    return _Dice(random.Random(seed)).recording(seed)  # noqa: S311 - has to be the same again


class _Dice:
    def __init__(self, rng: random.Random) -> None:
        self._rng = rng

    def recording(self, seed: int) -> Recording:
        name, container = self._container()
        video = self._rng.choice(container.video) if container.video else None
        audio = self._rng.choice(container.audio) if container.audio and (not video or self._one_in(0.85)) else None
        codec = _VIDEO[video] if video else _Codec()
        rate = self._rate(codec, container) if video else Fraction(25)
        pix_fmt = self._rng.choice(codec.formats)
        join = self._join(container, video, audio)
        interlaced = self._is_interlaced(codec, pix_fmt, rate)
        parts = self._parts(join, container, codec, audio, rate, interlaced=interlaced)
        recording = Recording(
            seed, name, video, audio, parts, join, rate, pix_fmt,
            interlaced=interlaced,
            full_range="range" in codec.features and "p10" not in pix_fmt and self._one_in(0.2),
            b_frames=2 if "bframes" in codec.features and name not in {"avi", "flv"} and self._one_in(0.4) else 0,
            gop=self._rng.choice((12, 48, 250)),
        )  # fmt: skip
        return self._with_oddities(recording, container, codec)

    def _container(self) -> tuple[str, _Container]:
        weights = [_ODD if "offsets" in container.features else 1.0 for container in _CONTAINERS.values()]
        (name,) = self._rng.choices(list(_CONTAINERS), weights)
        return name, _CONTAINERS[name]

    def _rate(self, codec: _Codec, container: _Container) -> Fraction:
        rates = codec.rates or (_USUAL_RATES if container.suffix == "avi" else _RATES)
        return Fraction(self._rng.choice(rates))

    def _join(self, container: _Container, video: str | None, audio: str | None) -> str:
        ways = [way for way in ("bytes", "concat") if way in container.features]
        if (
            not ways
            or not self._one_in(0.35)
            or (container.suffix == "mkv" and video not in {"libvpx", "libvpx-vp9", "mjpeg"})
        ):
            return ""
        if audio == "libopus" and container.suffix == "ts":
            return ""
        return self._rng.choice(ways)

    def _is_interlaced(self, codec: _Codec, pix_fmt: str, rate: Fraction) -> bool:
        return (
            "interlace" in codec.features
            and pix_fmt in {"yuv420p", "yuv422p"}
            and 20 < rate <= 30
            and self._one_in(0.25)
        )

    def _parts(
        self, join: str, container: _Container, codec: _Codec, audio: str | None, rate: Fraction, *, interlaced: bool
    ) -> tuple[Part, ...]:
        count = self._rng.choice((2, 2, 3)) if join else 1
        first = self._part(join, container, codec, audio, rate, interlaced=interlaced)
        parts = [first]
        for _ in range(count - 1):
            other = self._part(join, container, codec, audio, rate, interlaced=interlaced)
            parts.append(self._continued(first, other, join, container))
        return tuple(parts)

    def _continued(self, first: Part, other: Part, join: str, container: _Container) -> Part:
        changes = set()
        if container.video and "offsets" in container.features and self._one_in(0.5):
            changes |= {"width", "height"}
        if "channels" in container.features and self._one_in(0.5):
            changes |= {"channels"}
        if "channels" in container.features and self._one_in(0.2):
            changes |= {"sample_rate"}
        kept = {
            name: getattr(first, name) for name in ("width", "height", "channels", "sample_rate") if name not in changes
        }
        offset = self._rng.choice(RESTART_OFFSETS) if join == "bytes" and container.suffix in {"ts"} else 0.0
        return Part(**{**vars(other), **kept, "offset": offset})

    def _part(
        self, join: str, container: _Container, codec: _Codec, audio: str | None, rate: Fraction, *, interlaced: bool
    ) -> Part:
        sizes = _SIZES + (_ODD_SIZES if "odd" in codec.features and not join else ())
        width, height = self._rng.choice(sizes if not interlaced else ((160, 120), (320, 240), (192, 160)))
        frames = max(2, round(self._rng.uniform(2.0, 4.0) * rate))
        picture = sound = float(frames / rate)
        picture_start = sound_start = 0.0
        if "offsets" in container.features and not join and container.video and audio:
            late = min(picture / 2, self._rng.choice((0.0, 0.0, 0.3, 1.0, self._rng.uniform(0, 3))))
            in_frames = round(late * rate) / float(rate)
            picture_start, sound_start = self._rng.choice(((in_frames, 0.0), (0.0, round(late, 3))))
            sound = max(0.5, picture + picture_start - sound_start)
        if container.video and audio and not join and self._one_in(0.3):
            sound = max(0.6 * picture, sound + self._rng.choice((-1.0, -0.4, 1.0, 4.0, 9.0)))
        channels, sample_rate = self._sound(container, audio)
        both_start = max(picture_start, sound_start) if audio and container.video else 0.0
        both_end = min(picture_start + picture, sound_start + sound) if audio and container.video else picture
        marks = _marks(both_start, both_end, picture_start, rate if container.video else None)
        return Part(
            width, height, picture_start, picture, sound_start, round(sound, 3), channels, sample_rate, tuple(marks)
        )

    def _sound(self, container: _Container, audio: str | None) -> tuple[int, int]:
        codec = _AUDIO[audio] if audio else _Codec(rates=("48000",))
        counts = [1, 2, 2, 2]
        counts += [6, 4] if "surround" in codec.features else []
        counts += [9, 10, 14] if "many" in codec.features else []
        rates = ("44100",) if container.suffix == "flv" else codec.rates
        return self._rng.choice(counts), int(self._rng.choice(rates))

    def _with_oddities(self, recording: Recording, container: _Container, codec: _Codec) -> Recording:
        part, changes = recording.parts[0], dict[str, object]()
        has = container.features
        if recording.video and "aspect" in has and not recording.video.endswith("video") and self._one_in(0.2):
            changes["aspect"] = self._rng.choice((Fraction(4, 3), Fraction(8, 9), Fraction(64, 45)))
        if recording.video and "rotate" in has and self._one_in(0.3):
            changes["rotation"] = self._rng.choice((90, 180, 270))
        if part.channels == 2 and self._one_in(0.1):
            changes["opposed"] = True
        if not recording.join:
            changes |= self._single(recording, has, codec)
        changes |= self._muxing(recording, has)
        return Recording(**{**vars(recording), **changes})

    def _single(self, recording: Recording, has: frozenset[str], codec: _Codec) -> dict[str, object]:
        """Oddities of recordings that have one part."""
        part, changes = recording.parts[0], dict[str, object]()
        between = (part.marks[0] + 0.3, part.marks[-1] - 0.3)
        quiet = between if between[1] - between[0] > 0.3 else None
        if recording.video and "vfr" in has and not recording.interlaced and recording.rate > 2:
            if quiet and self._one_in(0.25):
                changes["still"] = quiet
            elif recording.rate > 20 and self._one_in(0.15):
                changes["dropped"] = self._rng.choice((0.1, 0.5))
        if recording.audio and "gaps" in has and quiet and self._one_in(0.25):
            changes["muted"] = quiet
        can_cut = {"cut"} <= has & codec.features and recording.audio and not changes.get("still")
        late = part.marks[0] - part.picture_start
        if can_cut and late > 0.7 and part.picture_start >= part.sound_start and self._one_in(0.3):
            gop = int((late - 0.1) * recording.rate)
            if gop >= 3:
                changes |= {"gop": gop, "cut_frames": self._rng.randint(1, gop - 1), "b_frames": 0, "dropped": 0.0}
        elif "trim" in has and late > 0.7 and part.picture_start == part.sound_start == 0 and self._one_in(0.4):
            changes["trimmed"] = round(self._rng.uniform(0.2, late - 0.3), 3)
        return changes

    def _muxing(self, recording: Recording, has: frozenset[str]) -> dict[str, object]:
        tracks, muxing = [], []
        if "tracks" in has and recording.audio and not recording.join:
            tracks += [track for track in ("commentary", "empty sound") if self._one_in(0.12)]
        if "cover" in has and self._one_in(0.1):
            tracks.append("cover")
        elif "fragments" in has and "empty sound" not in tracks and self._one_in(0.3):
            muxing = [
                "-movflags",
                self._rng.choice(("frag_keyframe+empty_moov", "frag_keyframe+delay_moov", "faststart")),
            ]
        if "timecode" in has and recording.video and recording.rate in {24, 25, 30} and self._one_in(0.1):
            muxing += ["-timecode", "01:00:00:00"]
        if "wrap" in has and not recording.join and self._one_in(0.1):
            muxing += ["-output_ts_offset", f"{WRAP_SECONDS - 2.5:.3f}"]
        return {"tracks": tuple(tracks), "muxing": tuple(muxing)}

    def _one_in(self, share: float) -> bool:
        return self._rng.random() < share


def _marks(start: float, end: float, picture_start: float, rate: Fraction | None) -> Iterator[float]:
    """One early and one late time at which there are picture and sound, each at the start of a frame."""
    held = 1.01 / float(rate) if rate else 0.0  # the first picture is shown from the beginning, so it may not flash
    early, late = (
        max(picture_start + held, start + min(1.0, (end - start) / 3)),
        max(end - 0.5, start + (end - start) * 0.6),
    )
    apart = max(1.0, 2.5 / float(rate)) if rate else 1.0
    times = [early, late] if late - early > apart else [early]
    for time in (time for time in times if time + FLASH_SECONDS <= end):
        if rate is None:
            yield round(time, 3)
        else:
            yield picture_start + math.floor((time - picture_start) * rate) / float(rate)


def make(recording: Recording, folder: Path) -> Path:
    """Makes the file, beside others, in the folder."""
    container = _CONTAINERS[recording.container]
    suffix = container.suffix
    paths = []
    for number, part in enumerate(recording.parts):
        paths.append(folder / f"part{number}.{suffix}")
        media_samples.ffmpeg(*_command(recording, part, folder, number), paths[-1])
    made = folder / f"recording.{suffix}"
    if recording.trimmed or recording.rotation:
        cut = ["-ss", str(recording.trimmed)] if recording.trimmed else []
        turned = ["-metadata:s:v:0", f"rotate={recording.rotation}"] if recording.rotation else []
        media_samples.ffmpeg(
            *cut, "-i", paths[0], "-map", "0:v?", "-map", "0:a?", "-c", "copy", "-strict", "-2", *turned, made
        )
    elif recording.join == "bytes":
        made.write_bytes(b"".join(path.read_bytes() for path in paths))
    elif recording.join == "concat":
        (folder / "parts.txt").write_text("".join(f"file {path.name}\n" for path in paths))
        media_samples.ffmpeg("-f", "concat", "-safe", "0", "-i", folder / "parts.txt", "-map", "0", "-c", "copy", made)
    else:
        paths[0].rename(made)
    return made


def _command(recording: Recording, part: Part, folder: Path, number: int) -> list[str]:
    inputs: list[str] = []
    maps: list[str] = []
    options: list[str] = []
    if recording.video:
        inputs += ["-itsoffset", str(part.picture_start), "-f", "lavfi", "-i", _picture(recording, part)]
        maps += ["-map", "0:v"]
        options += _video_options(recording)
    sounds = 0
    if recording.audio:
        order = ["empty sound"] * ("empty sound" in recording.tracks) + ["sound"]
        order += ["commentary"] * ("commentary" in recording.tracks)
        for track in order:
            inputs += ["-itsoffset", str(part.sound_start), *_sound_input(recording, part, folder, number, track)]
            maps += ["-map", f"{len(maps) // 2}:a"]
            options += {
                "empty sound": [f"-bsf:a:{sounds}", "noise=drop=1"],
                "commentary": [f"-disposition:a:{sounds}", "comment"],
                "sound": [f"-disposition:a:{sounds}", "default"],
            }[track]
            sounds += 1
        options += _audio_options(recording, part)
    if "cover" in recording.tracks:
        inputs += ["-f", "lavfi", "-i", "color=red:s=64x64:d=0.04"]
        maps += ["-map", f"{len(maps) // 2}:v"]
        index = 1 if recording.video else 0
        options += [
            f"-c:v:{index}",
            "mjpeg",
            f"-pix_fmt:v:{index}",
            "yuvj420p",
            f"-disposition:v:{index}",
            "attached_pic",
        ]
    muxing = list(recording.muxing)
    if part.offset:
        muxing += ["-output_ts_offset", str(part.offset)]
    if recording.container == "mpeg":
        muxing += ["-muxrate", "4M"]
    name = {"oga": "ogg", "m4a": "ipod", "ac3": "ac3"}.get(recording.container, recording.container)
    return [*inputs, *maps, *options, *muxing, "-f", name]


def _picture(recording: Recording, part: Part) -> str:
    rate = recording.rate * 2 if recording.interlaced else recording.rate
    frames = round(part.picture_seconds * rate)
    flash = max(FLASH_SECONDS, 0.5 / float(recording.rate))
    at_marks = "+".join(f"gte(t,{_local(mark, part)})*lt(t,{_local(mark, part) + flash:.6f})" for mark in part.marks)
    is_full = recording.full_range or recording.pix_fmt.startswith("yuvj")
    filters = [
        f"testsrc2=s={part.width}x{part.height}:r={rate}",
        f"trim=end_frame={frames}",
        *(["format=yuv444p"] if is_full else []),  # what is drawn is in limited range
        "drawbox=x=iw/4:y=ih/4:w=iw/2:h=ih/2:color=gray:t=fill",
        f"drawbox=enable='{at_marks}':color=white:t=fill",
    ]
    if recording.interlaced:
        filters.append("interlace=scan=tff")
    if recording.still:
        start, end = (time - part.picture_start for time in recording.still)
        filters.append(f"select='not(between(t,{start:.6f},{end:.6f}))'")
    if recording.dropped:
        times = [0.0, *(_local(mark, part) for mark in part.marks), part.picture_seconds]
        kept = "+".join(f"between(t,{time - 0.25:.6f},{time + 0.25:.6f})" for time in times)
        filters.append(f"select='gte(random({recording.seed}),{recording.dropped})+{kept}'")
    if is_full:
        filters.append("scale=out_range=full")
    if recording.aspect != 1:
        filters.append(f"setsar={recording.aspect.numerator}/{recording.aspect.denominator}")
    return ",".join([*filters, f"format={recording.pix_fmt}"])


def _local(mark: float, part: Part) -> float:
    """A little before the frame, so that no rounding makes it late."""
    return round(mark - part.picture_start - 0.001, 6)


def _video_options(recording: Recording) -> list[str]:
    assert recording.video is not None
    options = [
        "-c:v:0",
        recording.video,
        *_VIDEO[recording.video].options,
        "-vsync",
        "vfr" if recording.is_variable else "passthrough",
    ]
    if recording.video not in {"prores_ks", "ffv1", "huffyuv", "qtrle", "mjpeg", "gif"}:
        options += ["-g:v:0", str(recording.gop)]
    if recording.cut_frames:
        options += [
            "-keyint_min",
            str(recording.gop),
            "-sc_threshold",
            "0",
            "-bsf:v:0",
            f"noise=drop=lt(n\\,{recording.cut_frames})",
        ]
    if recording.b_frames or recording.video in {"libx264", "mpeg4"}:
        options += ["-bf:v:0", str(recording.b_frames)]
    if recording.interlaced:
        options += ["-flags:v:0", "+ilme+ildct", "-top:v:0", "1"]
    if recording.full_range:
        options += ["-color_range", "pc"]
    return options


def _sound_input(recording: Recording, part: Part, folder: Path, number: int, track: str) -> list[str]:
    marks = [mark - part.sound_start for mark in part.marks]
    if track != "sound":
        marks = [0.05, part.sound_seconds / 2]
    if part.channels > max(_LAYOUTS):
        return _raw_sound(part, marks, folder / f"{track}{number}.raw")
    at_marks = "+".join(f"gte(t,{mark:.6f})*lt(t,{mark + BEEP_SECONDS:.6f})" for mark in marks)
    tone = f"0.8*sin(2*PI*1000*t)*({at_marks})"
    tones = [tone] * part.channels
    if recording.opposed and part.channels == 2:
        tones[1] = f"-1*{tone}"
    source = (
        f"aevalsrc=exprs='{'|'.join(tones)}':c={_LAYOUTS[part.channels]}:s={part.sample_rate}:d={part.sound_seconds}"
    )
    if recording.muted and track == "sound":
        start, end = (time - part.sound_start for time in recording.muted)
        source += f",aselect='not(between(t,{start:.6f},{end:.6f}))'"
    return ["-f", "lavfi", "-i", source]


def _raw_sound(part: Part, marks: Sequence[float], path: Path) -> list[str]:
    times = np.arange(round(part.sound_seconds * part.sample_rate)) / part.sample_rate
    beeps = sum(((times >= mark) & (times < mark + BEEP_SECONDS) for mark in marks), np.zeros(len(times), bool))
    tone = 0.8 * np.sin(2 * np.pi * 1000 * times) * beeps
    path.write_bytes(np.repeat((tone * 32767).astype("<i2")[:, None], part.channels, axis=1).tobytes())
    return ["-f", "s16le", "-ar", str(part.sample_rate), "-ac", str(part.channels), "-i", str(path)]


def _audio_options(recording: Recording, part: Part) -> list[str]:
    assert recording.audio is not None
    options = ["-c:a", recording.audio, *_AUDIO[recording.audio].options, "-ar", str(part.sample_rate)]
    if recording.audio in {"libopus"} and part.channels == 2:
        options += ["-mapping_family", "0"]
    return [*options, "-strict", "-2"]
