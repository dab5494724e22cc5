"""Small real media, made by ffmpeg."""

import subprocess
from pathlib import Path

VIDEO = ["-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"]
AUDIO = ["-c:a", "aac", "-b:a", "64k"]


def ffmpeg(*arguments: str | Path) -> None:
    command = ["ffmpeg", "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, timeout=60)


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


def clip(
    path: Path, size: str = "640x360", seconds: float = 3, rate: str = "25", options: list[str] | None = None
) -> Path:
    """Video and audio of the same length."""
    ffmpeg(*picture(size, seconds, rate), *sound(seconds), *VIDEO, *AUDIO, *(options or []), path)
    return path


def read(path: Path | str, entries: str, *options: str) -> list[list[str]]:
    """What ffprobe says of a file or URL: a row for each section, its values in ffprobe's order."""
    command = ["ffprobe", "-v", "error", *options, "-show_entries", entries, "-of", "csv=p=0", str(path)]
    output = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    return [line.strip(",").split(",") for line in output.splitlines() if line]


def duration(path: Path | str) -> float:
    return float(read(path, "format=duration")[0][0])
