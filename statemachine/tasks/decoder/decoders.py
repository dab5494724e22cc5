"""Decoders of single streams, which go on after damaged packets."""

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import av

from statemachine.tasks.decoder import codecs
from statemachine.tasks.limits import MAX_PIXELS

# FFmpeg's own decoders of these leave out the alpha channel.
_WITH_ALPHA = {"vp8": "libvpx", "vp9": "libvpx-vp9"}


def decoder_of(stream: Any, *, threads: int) -> Any:
    """The codec context that decodes a stream."""
    context = stream.codec_context
    if stream.metadata.get("alpha_mode") == "1" and context.name in _WITH_ALPHA:
        context = av.CodecContext.create(_WITH_ALPHA[context.name], "r")
    aspect = stream.sample_aspect_ratio if stream.type == "video" else None
    if aspect and not context.sample_aspect_ratio:  # many codecs leave it to the container
        context.sample_aspect_ratio = aspect
    context.options = {"max_pixels": str(MAX_PIXELS), "codec_whitelist": codecs.ALLOWED}
    context.thread_count = threads
    context.thread_type = "AUTO"
    return context


def decoded(decoder: Any, packets: Iterable[Any]) -> Iterator[Any]:
    """The frames of these packets, all that can be decoded."""
    time_base = None
    for packet in packets:
        time_base = packet.time_base
        yield from _frames(decoder, packet)
    for frame in _frames(decoder, None):
        frame.time_base = time_base  # what comes last knows none
        yield frame


def _frames(decoder: Any, packet: Any) -> Iterator[Any]:
    with contextlib.suppress(av.error.InvalidDataError, av.error.EOFError, av.error.PatchWelcomeError):
        yield from decoder.decode(packet)
