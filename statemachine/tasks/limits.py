"""Limits of a source, and of the resources that ffmpeg and ffprobe may use for it."""

import os

from statemachine.tasks.process_runner import ProcessLimits

GIB = 1 << 30

MAX_DURATION_SECONDS = 12 * 3600
MAX_PIXELS = 8192 * 4320
MAX_STREAMS = 64  # of audio and video

SIGNATURE_BYTES = 64 << 10
READ_SECONDS = 30  # longest time that the source's storage may be silent
STALL_SECONDS = 120  # longest time without anything from a child
SOURCE_URL_SECONDS = 24 * 3600  # a presigned URL is valid for longer than the longest transcode takes

# Of each rendition's encoder. x264 alone would take 1.5 for every core that it sees, and memory for each.
ENCODER_THREADS = min(6, (os.cpu_count() or 1) * 3 // 2)

# Of the decoder of the video: each takes a few pictures more, and the encoders are slower anyway.
DECODER_THREADS = min(4, (os.cpu_count() or 1) + 1)

# Limits the address space, not the memory in use: every thread reserves some.
MEMORY_BYTES = 6 * GIB + (os.cpu_count() or 1) * GIB // 2

SCAN = ProcessLimits(cpu_seconds=1800, memory_bytes=MEMORY_BYTES)


def for_media(duration_seconds: float) -> ProcessLimits:
    """60 s of CPU for each second of media, plus 60 s. A 720p source takes about 0.5 s for each."""
    return ProcessLimits(cpu_seconds=60 + int(60 * duration_seconds), memory_bytes=MEMORY_BYTES, file_bytes=4 * GIB)
