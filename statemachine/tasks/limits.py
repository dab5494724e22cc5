"""How much of a source is taken, and how much ffmpeg and ffprobe may use for it."""

import os

from statemachine.tasks.runner import Limits

GIB = 1 << 30

MAX_DURATION_SECONDS = 12 * 3600
MAX_PIXELS = 8192 * 4320
MAX_STREAMS = 64

SNIFFED_BYTES = 64 << 10
STALL_SECONDS = 120  # without a byte from ffmpeg or ffprobe
URL_SECONDS = 24 * 3600  # a presigned URL outlives the longest transcode

# Address space, not memory in use: every thread reserves some.
MEMORY_BYTES = 6 * GIB + (os.cpu_count() or 1) * GIB // 2

PROBE = Limits(cpu_seconds=600, memory_bytes=MEMORY_BYTES)


def transcode(duration_seconds: float) -> Limits:
    """A minute of CPU for each second of media, and one more: a 720p source takes half a second for each."""
    return Limits(cpu_seconds=60 + int(60 * duration_seconds), memory_bytes=MEMORY_BYTES, file_bytes=4 * GIB)
