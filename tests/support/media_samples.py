"""Small real media, made by ffmpeg."""

import math
import struct
import subprocess
from pathlib import Path

from tests.support.waiting import HANG_SECONDS

VIDEO = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
AUDIO = ["-c:a", "aac", "-b:a", "64k"]


def ffmpeg(*arguments: str | Path) -> None:
    output(*arguments)


def output(*arguments: str | Path) -> bytes:
    """What ffmpeg writes to its standard output."""
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    return subprocess.run(command, check=True, timeout=HANG_SECONDS, stdout=subprocess.PIPE).stdout


def picture(size: str, seconds: float, rate: str = "25") -> list[str]:
    """An input: a moving test card."""
    return ["-f", "lavfi", "-i", f"testsrc2=size={size}:rate={rate}:duration={seconds}"]


def sound(seconds: float, channels: str = "stereo") -> list[str]:
    """An input: a tone in every channel."""
    return [
        "-f",
        "lavfi",
        "-i",
        f"aevalsrc='sin(880*t)':channel_layout={channels}:duration={seconds}:sample_rate=44100",
    ]


def surround(seconds: float) -> list[str]:
    return sound(seconds, "5.1")


def clip(
    path: Path, size: str = "640x360", seconds: float = 3, rate: str = "25", options: list[str] | None = None
) -> Path:
    """Video and audio of the same length."""
    ffmpeg(*picture(size, seconds, rate), *sound(seconds), *VIDEO, *AUDIO, *(options or []), path)
    return path


def turned(plain: Path, path: Path) -> Path:
    """A copy of an MP4 as a phone held upright makes it: to be shown after a quarter turn clockwise."""
    moved = bytearray(plain.read_bytes())
    matrix = moved.index(b"tkhd") + 44
    moved[matrix : matrix + 36] = struct.pack(">9i", 0, 1 << 16, 0, -1 << 16, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(moved)
    return path


def read(path: Path | str, entries: str, *options: str) -> list[list[str]]:
    """What ffprobe says of a file or URL: a row for each section, its values in ffprobe's order."""
    command = ["ffprobe", "-v", "error", *options, "-show_entries", entries, "-of", "csv=p=0", str(path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=HANG_SECONDS).stdout
    return [line.strip(",").split(",") for line in output.splitlines() if line]


def duration(path: Path | str) -> float:
    return float(read(path, "format=duration")[0][0])


def halves(url: str) -> tuple[float, float]:
    """The mean brightness (0 to 255) of the upper and the lower half of the first frame."""
    gray = output("-i", url, "-frames:v", "1", "-vf", "scale=2:2", "-pix_fmt", "gray", "-f", "rawvideo", "-")
    return (gray[0] + gray[1]) / 2, (gray[2] + gray[3]) / 2


def combing(path: Path | str) -> float:
    """How much neighbouring lines of the tenth frame differ, where lines two apart do not: the mark of interlacing."""
    width, height = 640, 360
    select = ["-vf", "select=eq(n\\,10)", "-frames:v", "1", "-pix_fmt", "gray", "-f", "rawvideo", "-"]
    gray = output("-i", str(path), *select)
    rows = [gray[y * width : (y + 1) * width] for y in range(height)]
    triples = (
        (a, b, c)
        for over, row, under in zip(rows, rows[1:], rows[2:], strict=False)
        for a, b, c in zip(over, row, under, strict=True)
    )
    return sum(max(0, min(abs(a - b), abs(b - c)) - abs(a - c)) for a, b, c in triples) / (width * height)


def loudness(url: str, start: float, end: float) -> float:
    """The mean level between two times, in dB of full scale."""
    samples = output("-ss", str(start), "-to", str(end), "-i", url, "-ac", "1", "-f", "f32le", "-")
    values = struct.unpack(f"<{len(samples) // 4}f", samples)
    return 10 * math.log10(sum(value * value for value in values) / len(values) + 1e-12)
