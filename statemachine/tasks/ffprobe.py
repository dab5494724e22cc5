"""Reads facts about a source with ffprobe. Only listed containers and protocols are allowed."""

import json
from typing import Any

from mediajobs.errors import JobError
from statemachine.tasks import limits
from statemachine.tasks.file_signature import SUPPORTED_FILES
from statemachine.tasks.process_runner import STDOUT, ProcessFailed, run

# Containers that hold the media themselves: no playlist, script, device or picture sequence.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,avi,flv,asf,ogg,mxf,wav,w64,aiff,caf,mp3,flac,aac,ac3,eac3,amr"
)
# For both ffprobe and ffmpeg, in front of their one input.
INPUT_OPTIONS: dict[str, str | int] = {
    "format_whitelist": CONTAINERS,
    "protocol_whitelist": "http,https,tcp,tls",
    "rw_timeout": 30_000_000,  # microseconds
    "reconnect": 1,
    "reconnect_on_network_error": 1,
    "reconnect_delay_max": 8,  # seconds
}
DECODE_OPTIONS = INPUT_OPTIONS | {"max_pixels": limits.MAX_PIXELS}
# Not "Server returned 4XX": that is a 416, for a file that refers to bytes behind its own end.
STORAGE_ERRORS = (
    "Server returned 40",
    "Server returned 5",
    "Connection re",
    "timed out",
    "Network is",
    "Failed to resolve",
)


def container_and_streams(url: str) -> dict[str, Any]:
    """ffprobe's `format` and `streams`. Raises JobError where the file is no media or cannot be read."""
    output = bytearray()
    try:
        _ffprobe(url, ["-show_format", "-show_streams", "-of", "json"], output.extend)
    except ProcessFailed as failure:
        raise read_error(failure) from failure
    description: dict[str, Any] = json.loads(output)
    return description


def can_decode(url: str, stream: int) -> bool:
    """Whether the first second of this stream can be decoded."""
    frames = bytearray()
    options = ["-select_streams", str(stream), "-read_intervals", "%+1", "-show_entries", "frame=pts", "-of", "csv=p=0"]
    try:
        _ffprobe(url, ["-max_pixels", str(limits.MAX_PIXELS), *options], frames.extend)
    except ProcessFailed as failure:
        if failure.returncode < 0 or is_storage_error(failure.stderr):
            raise read_error(failure) from failure
        return False
    return bool(frames.strip())


def end_time(url: str, streams: set[int], *, start: float | None = None) -> float:
    """When the last packet of these streams ends, in seconds; 0 where there is none.

    With `start` (seconds) only what follows it is read, if the container can seek. Without it the whole file is read.
    """
    last = _LastPacket(streams)
    interval = [] if start is None else ["-read_intervals", f"{start:.3f}%"]
    entries = ["-show_entries", "packet=stream_index,pts_time,duration_time", "-of", "csv=p=0"]
    try:
        _ffprobe(url, [*interval, *entries], last.feed)
    except ProcessFailed as failure:
        if failure.returncode < 0 or is_storage_error(failure.stderr):
            raise read_error(failure) from failure
    return last.end


def read_error(failure: ProcessFailed) -> JobError:
    """The JobError, with its code, that says why ffprobe or ffmpeg could not read a source."""
    if failure.returncode < 0:
        reason = f"reading the source was ended by signal {-failure.returncode}; retry the job"
        return JobError("probe_killed", reason, retryable=True)
    if is_storage_error(failure.stderr):
        return JobError("source_unavailable", "the source cannot be read from storage; retry the job", retryable=True)
    if "moov atom not found" in failure.stderr:
        return JobError(
            "truncated_source",
            "the file ends before its index (moov): the recording was not finished or the upload was cut; "
            "upload the whole file",
        )
    if "whitelist" in failure.stderr:
        return JobError("not_media", f"the file is of a kind that is not taken; {SUPPORTED_FILES}")
    return JobError("not_media", f"the file is no audio or video that can be read; {SUPPORTED_FILES}")


def is_storage_error(stderr: str) -> bool:
    """Whether the storage failed, and not the file."""
    return any(text in stderr for text in STORAGE_ERRORS)


class _LastPacket:
    """Finds the latest end in lines of `stream,pts,duration` without keeping the lines."""

    def __init__(self, streams: set[int]) -> None:
        self.end = 0.0
        self._streams = streams
        self._incomplete_line = b""

    def feed(self, data: bytes) -> None:
        *lines, self._incomplete_line = (self._incomplete_line + data).split(b"\n")
        for line in lines:
            index, time, duration, *_ = [*line.decode().split(","), "", ""]
            if index.isdigit() and int(index) in self._streams and time not in {"", "N/A"}:
                self.end = max(self.end, float(time) + (0.0 if duration in {"", "N/A"} else float(duration)))


def _ffprobe(url: str, options: list[str], consume: Any) -> None:
    command = ["ffprobe", "-hide_banner", "-v", "error", *_arguments(INPUT_OPTIONS), *options, "-i", url]
    run(lambda _: command, {STDOUT: consume}, limits=limits.FFPROBE, stall_seconds=limits.STALL_SECONDS)


def _arguments(options: dict[str, str | int]) -> list[str]:
    return [argument for name, value in options.items() for argument in (f"-{name}", str(value))]
