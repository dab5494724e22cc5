"""A flash and a beep at the same moments: where they are in a recording, and where in what was made of it."""

import numpy as np

from tests.support.media_samples import output

FIRST, INTERVAL, LENGTH = 1.0, 2.0, 0.1  # seconds
FLASH = (
    "drawbox=color=gray:t=fill,"
    f"drawbox=enable='gte(t,{FIRST})*lt(mod(t-{FIRST},{INTERVAL}),{LENGTH})':color=white:t=fill"
)
BEEP = f"aevalsrc='0.8*sin(2*PI*1000*t)*lt(mod(t-{FIRST},{INTERVAL}),{LENGTH})*gte(t,{FIRST})'"
_SAMPLE_RATE, _WINDOW = 8000, 40  # Hz; samples whose level is looked at together


def flash_times(path: object, rate: float) -> list[float]:
    """When the picture turns white, in seconds; `rate` is the frame rate."""
    scale = ["-vf", "crop=iw/4:ih/4,scale=1:1:flags=area", "-fps_mode", "passthrough", "-pix_fmt", "gray"]
    gray = output("-i", str(path), "-map", "0:v", *scale, "-f", "rawvideo", "-")
    return [frame / rate for frame in _rises(np.frombuffer(gray, np.uint8) > 190)]


def beep_times(path: object) -> list[float]:
    """When a beep begins, in seconds."""
    from_zero = ["-af", "aresample=async=1:first_pts=0", "-ac", "1", "-ar", str(_SAMPLE_RATE), "-f", "f32le"]
    samples = np.frombuffer(output("-copyts", "-i", str(path), "-map", "0:a", *from_zero, "-"), np.float32)
    levels = np.abs(samples[: len(samples) // _WINDOW * _WINDOW]).reshape(-1, _WINDOW).max(axis=1)
    return [window * _WINDOW / _SAMPLE_RATE for window in _rises(levels > 0.2)]


def seconds_of_sound(path: object) -> float:
    """Of all samples that can be decoded."""
    return len(output("-i", str(path), "-ac", "1", "-ar", str(_SAMPLE_RATE), "-f", "s16le", "-")) / 2 / _SAMPLE_RATE


def frame_count(path: object) -> int:
    """Of all pictures that can be decoded."""
    scale = ["-vf", "scale=1:1", "-fps_mode", "passthrough", "-pix_fmt", "gray"]
    return len(output("-i", str(path), "-map", "0:v", *scale, "-f", "rawvideo", "-"))


def colour(path: object, at: float = 0.0) -> tuple[int, int, int]:
    """Red, green and blue in the middle of the picture, by the colours that the file states."""
    scale = "crop=16:16,scale=16:16:flags=accurate_rnd+full_chroma_int,format=rgb24"
    pixels = output("-ss", str(at), "-i", str(path), "-frames:v", "1", "-vf", scale, "-f", "rawvideo", "-")
    red, green, blue = np.frombuffer(pixels, np.uint8).reshape(-1, 3).mean(axis=0).round().astype(int)
    return int(red), int(green), int(blue)


def detail(path: object, at: float = 0.0) -> float:
    """The standard deviation of the brightness of a picture that was made very small: neither flat nor noise."""
    gray = output("-ss", str(at), "-i", str(path), "-frames:v", "1", "-vf", "scale=16:9:flags=area,format=gray",
                  "-f", "rawvideo", "-")  # fmt: skip
    return float(np.frombuffer(gray, np.uint8).std())


def _rises(states: "np.typing.NDArray[np.bool_]") -> list[int]:
    return [int(index) for index in np.flatnonzero(states & ~np.r_[False, states[:-1]])]
