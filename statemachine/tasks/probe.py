"""Asks ffprobe about a source, with nothing allowed but a container on the list, over http from one address."""

import json
from typing import Any

from mediajobs.errors import JobError
from statemachine.tasks import limits
from statemachine.tasks.runner import STDOUT, Failed, run
from statemachine.tasks.sniff import CURE

# Containers that hold media themselves: no playlist, no script, no device, no picture sequence.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,ogg,mxf,wav,w64,aiff,caf,mp3,flac,aac,ac3,eac3,amr"
)
# For ffprobe and ffmpeg alike, in front of the one input.
INPUT_OPTIONS: dict[str, str | int] = {
    "format_whitelist": CONTAINERS,
    "protocol_whitelist": "http,https,tcp,tls",
    "rw_timeout": 30_000_000,  # microseconds
    "reconnect": 1,
    "reconnect_on_network_error": 1,
    "reconnect_delay_max": 8,  # seconds
}
DECODE_OPTIONS = INPUT_OPTIONS | {"max_pixels": limits.MAX_PIXELS}
# Not "Server returned 4XX": that is a 416, for a file that points behind its own end.
UNREACHABLE = (
    "Server returned 40",
    "Server returned 5",
    "Connection re",
    "timed out",
    "Network is",
    "Failed to resolve",
)


def inspect(url: str) -> dict[str, Any]:
    """ffprobe's `format` and `streams`; raises JobError where this is no media or cannot be read."""
    output = bytearray()
    try:
        _ffprobe(url, ["-show_format", "-show_streams", "-of", "json"], output.extend)
    except Failed as failure:
        raise unreadable(failure) from failure
    found: dict[str, Any] = json.loads(output)
    return found


def decodes(url: str, stream: int) -> bool:
    """Can the first second of this stream be decoded?"""
    frames = bytearray()
    options = ["-select_streams", str(stream), "-read_intervals", "%+1", "-show_entries", "frame=pts", "-of", "csv=p=0"]
    try:
        _ffprobe(url, ["-max_pixels", str(limits.MAX_PIXELS), *options], frames.extend)
    except Failed as failure:
        if failure.returncode < 0 or is_unreachable(failure.stderr):
            raise unreadable(failure) from failure
        return False
    return bool(frames.strip())


def end_time(url: str, streams: set[int], *, start: float | None = None) -> float:
    """When the last packet of these streams ends, in seconds; 0 where there is none.

    With `start` only what lies behind it is read, as far as the container can seek; without, everything.
    """
    last = _LastPacket(streams)
    interval = [] if start is None else ["-read_intervals", f"{start:.3f}%"]
    entries = ["-show_entries", "packet=stream_index,pts_time,duration_time", "-of", "csv=p=0"]
    try:
        _ffprobe(url, [*interval, *entries], last.feed)
    except Failed as failure:
        if failure.returncode < 0 or is_unreachable(failure.stderr):
            raise unreadable(failure) from failure
    return last.end


def unreadable(failure: Failed) -> JobError:
    """Why ffprobe or ffmpeg could not read a source, by name."""
    if failure.returncode < 0:
        reason = f"reading the source was ended by signal {-failure.returncode}; retry the job"
        return JobError("probe_killed", reason, retryable=True)
    if is_unreachable(failure.stderr):
        return JobError("source_unavailable", "the source cannot be read from storage; retry the job", retryable=True)
    if "moov atom not found" in failure.stderr:
        return JobError(
            "truncated_source",
            "the file ends before its index (moov): the recording was not finished or the upload was cut; "
            "upload the whole file",
        )
    if "whitelist" in failure.stderr:
        return JobError("not_media", f"the file is of a kind that is not taken; {CURE}")
    return JobError("not_media", f"the file is no audio or video that can be read; {CURE}")


def is_unreachable(stderr: str) -> bool:
    """Did the storage fail, and not the file?"""
    return any(sign in stderr for sign in UNREACHABLE)


class _LastPacket:
    """Keeps the latest end over lines of `stream,pts,duration` without keeping the lines."""

    def __init__(self, streams: set[int]) -> None:
        self.end = 0.0
        self._streams = streams
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            index, time, duration, *_ = [*line.decode().split(","), "", ""]
            if index.isdigit() and int(index) in self._streams and time not in {"", "N/A"}:
                self.end = max(self.end, float(time) + (0.0 if duration in {"", "N/A"} else float(duration)))


def _ffprobe(url: str, options: list[str], consume: Any) -> None:
    command = ["ffprobe", "-hide_banner", "-v", "error", *_arguments(INPUT_OPTIONS), *options, "-i", url]
    run(lambda _: command, {STDOUT: consume}, limits=limits.PROBE, stall_seconds=limits.STALL_SECONDS)


def _arguments(options: dict[str, str | int]) -> list[str]:
    return [argument for name, value in options.items() for argument in (f"-{name}", str(value))]
