"""Limits of a source, and of the resources that decoders and ffmpeg may use for it."""

import os

from statemachine.tasks.sandbox import ProcessLimits

GIB = 1 << 30

MAX_DURATION_SECONDS = 12 * 3600
MAX_PIXELS = 8192 * 4320
MAX_STREAMS = 64  # of audio and video
MIN_SAMPLE_RATE = 4000  # Hz; at 1 Hz some kilobytes last a day

STALL_SECONDS = 120  # longest time without anything from a child

# Of each rendition's encoder. x264 alone would take 1.5 for every core that it sees, and memory for each.
ENCODER_THREADS = min(6, (os.cpu_count() or 1) * 3 // 2)

# Of the decoder of the video: each takes a few pictures more, and the encoders are slower anyway.
DECODER_THREADS = min(4, (os.cpu_count() or 1) + 1)

# Limits the address space, not the memory in use: every thread reserves some.
MEMORY_BYTES = 6 * GIB + (os.cpu_count() or 1) * GIB // 2

SCAN = ProcessLimits(cpu_seconds=1800, memory_bytes=2 * GIB)
SCAN_BYTES = 1 << 20  # of what a scan tells


def for_media(duration_seconds: float) -> ProcessLimits:
    """60 s of CPU for each second of media, plus 60 s. A 720p source takes about 0.5 s for each."""
    return ProcessLimits(
        cpu_seconds=60 + int(60 * duration_seconds),
        memory_bytes=MEMORY_BYTES,
        file_bytes=folder_bytes(duration_seconds),
    )


def scan_seconds(size_bytes: int) -> float:
    """How long reading all packets may take: five minutes, and a second for each 5 MB."""
    return 300 + size_bytes / 5_000_000


def media_seconds(duration_seconds: float) -> float:
    """How long making outputs may take, however steadily a child says that it goes on: as long as it may compute."""
    return 3600 + 60 * duration_seconds


def output_bytes(max_bitrate: int, duration_seconds: float) -> int:
    """Far more than an output of that many bit/s of video, and its sound, ever has."""
    return 64 * (1 << 20) + int(2 * duration_seconds * (max_bitrate + 1_000_000) / 8)


def folder_bytes(duration_seconds: float) -> int:
    """What a child may put into its folder: an MP3, a thumbnail, a storyboard and a table of colours."""
    return 256 * (1 << 20) + int(duration_seconds * 320_000 / 8)
