"""Judges what the media task made of a recording, by reading the outputs with ffmpeg and ffprobe alone."""

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mediajobs.media.manifests import Output
from mediajobs.media.options import Options
from mediajobs.storage.bucket_store import MediaBucket
from tests.support import media_samples, task_context
from tests.support.recordings import Recording, make

OPTIONS = Options(renditions=["240p"], quality="fast", storyboard=False, thumbnail=False)
DURATION_SECONDS = 0.1
SYNC_SECONDS = 0.04
_PRIMING_SECONDS = 0.025
LONGEST_FRAGMENT_SECONDS = 8.0
_JOIN_SECONDS = 0.06  # by which joined parts may lie elsewhere: their sound ends with a whole packet
_LARGEST_RATE = 60
_RATE = 8000  # Hz, of the sound that is searched for beeps
_SIDE = 16  # pixels, of the pictures that are searched for flashes
_GRAY, _WHITE, _LEVEL_TOLERANCE = 128, 255, 10  # in full range
_ASPECT_TOLERANCE = 0.04

Levels = NDArray[np.float64]


def process(recording: Recording, bucket: MediaBucket, folder: Path) -> list[str]:
    """Makes the recording, runs validation and the media task, and returns what is wrong with the outputs."""
    run = task_context.run_media(bucket, make(recording, folder), OPTIONS)
    paths = {}
    for name, output in run.outputs.items():
        paths[name] = folder / f"{name}.out"
        paths[name].write_bytes(run.body(output))
    return list(_problems(recording, run.outputs, paths))


def _problems(recording: Recording, outputs: dict[str, Output], paths: dict[str, Path]) -> Iterator[str]:
    expected = {"240p"} if recording.video else set()
    expected |= {"audio", "hls_audio"} if recording.audio else set()
    if set(outputs) != expected:
        yield f"outputs {sorted(outputs)}, not {sorted(expected)}"
        return
    for name, output in outputs.items():
        yield from _index_problems(recording, name, output)
    judge = _Judge(recording, _decoded(paths))
    if recording.video:
        yield from judge.picture_problems()
    for name in judge.sounds:
        yield from judge.sound_problems(name)
    if recording.audio and recording.video:
        yield from judge.sync_problems()


def _index_problems(recording: Recording, name: str, output: Output) -> Iterator[str]:
    seconds = output.duration_seconds
    if seconds is None or not _is_near(seconds, recording):
        yield f"{name}: the manifest says {seconds} s, not {recording.duration:.3f}"
    if name == "audio":
        return
    end = output.init_size or 0
    for fragment in output.fragments:
        if fragment.offset != end:
            yield f"{name}: a fragment begins at byte {fragment.offset}, not {end}"
        if fragment.duration > LONGEST_FRAGMENT_SECONDS:
            yield f"{name}: a fragment of {fragment.duration} s"
        end = fragment.offset + fragment.size
    total = sum(fragment.duration for fragment in output.fragments)
    if not _is_near(total, recording):
        yield f"{name}: fragments of {total:.3f} s, not {recording.duration:.3f}"
    if not end <= output.size_bytes <= end + 1000:  # an index (mfra) may follow
        yield f"{name}: fragments end at byte {end} of {output.size_bytes}"


def _is_near(seconds: float, recording: Recording, slack: float = 0.0) -> bool:
    allowed = max(DURATION_SECONDS, slack, recording.blur) + (recording.packet_seconds if recording.trimmed else 0)
    return abs(seconds - recording.duration) <= allowed + _allowance(recording)


def _allowance(recording: Recording) -> float:
    return _JOIN_SECONDS * (len(recording.parts) - 1)


@dataclass(frozen=True)
class _Decoded:
    """`pictures` are the brightness of the middle by picture, `sounds` the level of every sample by output."""

    pictures: Levels
    sounds: dict[str, Levels]
    streams: dict[str, list[dict[str, Any]]]

    def start(self, name: str) -> float:
        """When the first sample is heard. An MP4 tells so of its priming; that of an MP3 is left out."""
        streams = self.streams.get(name, [])
        return next((float(stream["start_time"]) for stream in streams if stream["codec_type"] == "audio"), 0.0)


def _decoded(paths: dict[str, Path]) -> _Decoded:
    inputs: list[str | Path] = []
    outputs: list[str | Path] = []
    folder = next(iter(paths.values())).parent
    for number, (name, path) in enumerate(paths.items()):
        inputs += ["-i", path]
        if name == "240p":
            crop = f"crop=min(iw\\,ih)*0.12:min(iw\\,ih)*0.12,scale={_SIDE}:{_SIDE}:flags=area,format=gray"
            outputs += [
                "-map",
                f"{number}:v",
                "-vf",
                crop,
                "-vsync",
                "passthrough",
                "-f",
                "rawvideo",
                folder / "pictures",
            ]
        sound = ["-ar", str(_RATE), "-ac", "2", "-f", "f32le"]
        outputs += ["-map", f"{number}:a?", *sound, folder / f"{name}.samples"] if "audio" in paths else []
    media_samples.ffmpeg(*inputs, *outputs)
    pictures = folder / "pictures"
    gray = np.frombuffer(pictures.read_bytes() if pictures.exists() else b"", np.uint8)
    sounds = {name: _levels(folder / f"{name}.samples") for name in paths if "audio" in paths}
    streams = {name: _streams(path) for name, path in paths.items() if name != "audio"}
    return _Decoded(gray.reshape(-1, _SIDE * _SIDE).mean(axis=1), sounds, streams)


def _levels(path: Path) -> Levels:
    return np.asarray(np.abs(np.frombuffer(path.read_bytes(), "<f4").reshape(-1, 2)).max(axis=1), np.float64)


class _Judge:
    def __init__(self, recording: Recording, decoded: _Decoded) -> None:
        self._recording, self._decoded = recording, decoded
        self._pictures, self.sounds = decoded.pictures, decoded.sounds
        self._rate = 25.0

    def picture_problems(self) -> Iterator[str]:
        recording = self._recording
        streams = self._decoded.streams["240p"]
        video, *audio = sorted(streams, key=lambda stream: str(stream["codec_type"]), reverse=True)
        rate = Fraction(video["avg_frame_rate"])
        self._rate = float(rate)
        if not self._is_rate(rate):
            yield f"240p: {float(rate):.3f} frames a second, not {float(recording.rate):.3f}"
        for stream in (video, *audio):
            if abs(float(stream["start_time"])) > _PRIMING_SECONDS:
                yield f"240p: its {stream['codec_type']} starts at {stream['start_time']}"
        if not _is_near(len(self._pictures) / self._rate, recording, DURATION_SECONDS + 0.5 / self._rate):
            yield f"240p: {len(self._pictures)} pictures, not {recording.duration * self._rate:.1f}"
        aspect = video["width"] / video["height"]
        if abs(aspect / recording.display_aspect - 1) > _ASPECT_TOLERANCE:
            yield f"240p: an aspect of {aspect:.3f}, not {recording.display_aspect:.3f}"
        yield from self._level_problems()
        yield from self._mark_problems("240p: flashes", self._flashes(), 0.5 / self._rate + 0.005)

    def sound_problems(self, name: str) -> Iterator[str]:
        seconds = len(self.sounds[name]) / _RATE + self._decoded.start(name)
        if not _is_near(seconds, self._recording):
            yield f"{name}: sound of {seconds:.3f} s, not {self._recording.duration:.3f}"
        yield from self._mark_problems(f"{name}: beeps", self._beeps(name), 0.0)

    def sync_problems(self) -> Iterator[str]:
        off_grid = 0.5 / self._rate if self._recording.join else 0.0  # a part may begin between two pictures
        allowed = max(SYNC_SECONDS, 0.5 / self._rate + 0.005) + self._recording.blur + off_grid
        for name in self.sounds:
            for flash, beep in zip(self._flashes(), self._beeps(name), strict=False):
                if abs(flash - beep) > allowed:
                    yield f"{name}: it beeps {beep - flash:+.3f} s after the flash at {flash:.3f}"

    def _mark_problems(self, what: str, found: list[float], blur: float) -> Iterator[str]:
        marks = self._recording.marks
        allowed = (
            max(SYNC_SECONDS, blur)
            + _allowance(self._recording)
            + self._recording.packet_seconds
            + self._recording.blur
        )
        if len(found) != len(marks) or any(abs(a - b) > allowed for a, b in zip(found, marks, strict=True)):
            yield f"{what} at {_rounded(found)}, not {_rounded(marks)}"

    def _is_rate(self, rate: Fraction) -> bool:
        source = self._recording.rate
        expected = source / max(1, -(-source // _LARGEST_RATE))
        if self._recording.dropped:
            return expected / 2 <= rate <= expected * Fraction(101, 100)
        return abs(rate / expected - 1) < 0.002

    def _level_problems(self) -> Iterator[str]:
        gray, white = np.percentile(self._pictures, 10, method="lower"), self._pictures.max()
        if abs(gray - _GRAY) > _LEVEL_TOLERANCE or abs(white - _WHITE) > _LEVEL_TOLERANCE:
            yield f"240p: gray is {gray:.0f}, white is {white:.0f}"

    def _flashes(self) -> list[float]:
        is_white = self._pictures > (_GRAY + _WHITE) / 2
        return [float(slot) / self._rate for slot in _risings(is_white)]

    def _beeps(self, name: str) -> list[float]:
        levels = self.sounds[name]
        loud = levels > levels.max(initial=0.0) / 4
        onsets: list[float] = []
        for sample in np.flatnonzero(loud):
            if not onsets or sample / _RATE - onsets[-1] > 0.2:
                onsets.append(float(sample) / _RATE)
        return [onset + self._decoded.start(name) for onset in onsets]


def _risings(values: NDArray[np.bool_]) -> list[int]:
    return [number for number, (before, now) in enumerate(pairwise([False, *values.tolist()])) if now and not before]


def _rounded(times: list[float]) -> list[float]:
    return [round(time, 3) for time in times]


def _streams(path: Path) -> list[dict[str, Any]]:
    command = ["ffprobe", "-v", "error", "-show_streams", "-of", "json", str(path)]
    output = subprocess.run(command, check=True, capture_output=True, timeout=60).stdout
    streams: list[dict[str, Any]] = json.loads(output)["streams"]
    return streams
