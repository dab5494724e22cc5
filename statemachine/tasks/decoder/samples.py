"""Decodes the audio of a source: samples of one rate and layout, without gaps, from the start to the end."""

import os
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

import av
import numpy as np

from mediajobs.errors import JobError
from statemachine.tasks.decoder import downmix, source_reader
from statemachine.tasks.decoder.decoders import decoded, decoder_of
from statemachine.tasks.decoder.sample_clock import SampleClock, Samples
from statemachine.tasks.decoder.source_file import SourceFile

_FULL_SCALE = {"u1": (128, 128.0), "i2": (0, 32768.0), "i4": (0, 2147483648.0), "i8": (0, 9223372036854775808.0)}


def write_samples(
    *,
    source: SourceFile,
    stream: int,
    jumps: bool,
    start: float,
    duration: float,
    end: float,
    rate: int,
    channels: int,
    sample_format: str,
    pipe: int,
) -> None:
    """Writes interleaved samples into `pipe`, 1 or 2 channels at `rate` Hz, as `f32le` or `s16le`.

    The other arguments and errors are those of `pictures.write_pictures`.
    """
    clock_of_samples = SampleClock(rate, channels, duration)
    with os.fdopen(pipe, "wb") as output, source_reader.open_source(source) as container:
        clock = source_reader.Clock(container, stream, start, end, jumps=jumps)
        chunks = _resampled(decoded(decoder_of(clock.stream, threads=1), clock.packets()), clock, rate)
        is_empty = True
        for chunk, time in chunks:
            is_empty = False
            mixed = downmix.to_mono(chunk, rate) if channels == 1 else chunk
            for samples in clock_of_samples.add(mixed, time):
                output.write(_encoded(samples, sample_format))
        if is_empty:
            raise JobError("undecodable", "no sound of the audio track could be decoded; export the file again")
        clock.check_end()
        for samples in clock_of_samples.finish():
            output.write(_encoded(samples, sample_format))


def _resampled(frames: Iterator[Any], clock: source_reader.Clock, rate: int) -> Iterator[tuple[Samples, float]]:
    """Stereo chunks with the time of their first sample, whatever the frames' rates and layouts."""
    resampler: Any = None
    source_rate, time = 0, 0.0
    for frame in frames:
        if not frame.samples or not frame.sample_rate:
            continue
        if frame.sample_rate != source_rate:
            yield from _outcome(resampler, None)
            source_rate = frame.sample_rate
            resampler = av.AudioResampler(format="fltp", layout="stereo", rate=rate)
        time = clock.time_of(frame, time)
        yield from _outcome(resampler, _stereo_frame(frame, time))
        time += frame.samples / source_rate
    yield from _outcome(resampler, None)


def _outcome(resampler: Any, frame: Any) -> Iterator[tuple[Samples, float]]:
    for resampled in resampler.resample(frame) if resampler else []:
        yield resampled.to_ndarray(), float(resampled.pts * resampled.time_base)


def _stereo_frame(frame: Any, time: float) -> Any:
    matrix = downmix.stereo_matrix([channel.name for channel in frame.layout.channels])
    stereo = av.AudioFrame.from_ndarray(np.ascontiguousarray(matrix @ _floats(frame)), format="fltp", layout="stereo")
    stereo.sample_rate = frame.sample_rate
    stereo.time_base = Fraction(1, frame.sample_rate)
    stereo.pts = round(time * frame.sample_rate)
    return stereo


def _floats(frame: Any) -> Samples:
    """Samples from -1 to 1, one row for each channel."""
    samples = frame.to_ndarray()
    if not frame.format.is_planar:
        samples = samples.reshape(-1, frame.layout.nb_channels).T
    zero, scale = _FULL_SCALE.get(samples.dtype.str[1:], (0, 1.0))
    floats = (samples.astype(np.float32) - zero) / np.float32(scale)
    return np.asarray(np.nan_to_num(floats, copy=False, posinf=1.0, neginf=-1.0), np.float32)


def _encoded(samples: Samples, sample_format: str) -> bytes:
    if sample_format == "s16le":
        return (np.clip(samples.T, -1.0, 1.0) * 32767).astype("<i2").tobytes()
    return samples.T.astype("<f4").tobytes()
