"""Reads every packet of a source once: what its streams hold, whatever its header says."""

import contextlib
import json
import os
import re
from array import array
from collections.abc import Callable, Iterator
from dataclasses import asdict
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.filter import Graph
from av.stream import Disposition

from statemachine.tasks import file_signature
from statemachine.tasks.decoder import source_reader
from statemachine.tasks.decoder.decoders import decoder_of
from statemachine.tasks.decoder.frame_rate import motion_rate
from statemachine.tasks.decoder.scan_result import MAX_TEXT, Scan, StreamScan
from statemachine.tasks.decoder.source_file import SourceFile

SAMPLE_FRAMES = 12  # pictures that are looked at in a row, for combing
_FIRST_GAP_SECONDS = 5.0  # to the next such row; every gap is twice as long as the one before
_COMBING_THRESHOLD = 1.4  # idet's own, 1.04, takes fine horizontal lines for combing
_TICK_PACKETS = 100
_PRIMING_SECONDS = 1.0  # before a stream's start it may have samples that are never heard
_MAX_TRIED_PACKETS = 4000  # without a frame, after which a stream counts as undecodable
_CLOCK = re.compile(r"([0-9]{1,6}):([0-9]{1,2}):([0-9]{1,2}(?:\.[0-9]{0,20})?)")  # a DURATION tag of Matroska
_HIDDEN = Disposition.attached_pic | Disposition.timed_thumbnails | Disposition.still_image
_SECONDARY = (
    Disposition.comment | Disposition.visual_impaired | Disposition.descriptions | Disposition.karaoke
    | Disposition.clean_effects | Disposition.non_diegetic | Disposition.dependent
)  # fmt: skip


def write_scan(source: SourceFile, pipe: int) -> None:
    """Writes a Scan as JSON into `pipe`, and before it a blank now and then, as a sign that the reading goes on."""
    with os.fdopen(pipe, "w", buffering=1) as output:
        json.dump(asdict(scan(source, lambda: output.write("\n"))), output, allow_nan=False)


def scan(source: SourceFile, tick: Callable[[], object] = lambda: None) -> Scan:
    """Raises JobError where the file is no media or cannot be read. `tick` is called every hundred packets."""
    head = source.read_at(0, file_signature.BYTES)
    file_signature.check(head)
    with source_reader.open_source(source) as container:
        probes = {probe.found.index: probe for probe in _probes(container)}
        timeline = source_reader.timeline_of(container)
        for number, packet in enumerate(source_reader.packets(container, probes.keys(), timeline)):
            probes[packet.stream_index].read(packet)
            if number % _TICK_PACKETS == 0:
                tick()
        stated = None if container.duration is None else container.duration / av.time_base
        streams = [probe.finish() for probe in probes.values()]
        is_cut = file_signature.is_cut_matroska(head, source.size)
        return Scan(container.format.name, stated, timeline.jumps, is_cut, streams)


def _probes(container: InputContainer) -> Iterator["_Probe"]:
    kinds = {"video": _VideoProbe, "audio": _AudioProbe}
    for index in source_reader.media_indexes(container):
        stream = container.streams[index]
        yield (_Probe if stream.codec_context is None else kinds[stream.type])(stream)


class _Probe:
    """Follows one stream, and decodes until a frame comes out, if there is a decoder."""

    def __init__(self, stream: Any) -> None:
        self.found = _description(stream)
        self._decoder: Any = decoder_of(stream, threads=1) if stream.codec_context else None
        self._base = stream.time_base
        self._stated_start = None if stream.start_time is None else float(stream.start_time * stream.time_base)

    def read(self, packet: Any) -> None:
        found, pts = self.found, packet.pts if packet.pts is not None else packet.dts
        if packet.is_discard:  # an edit list hides it: decoded for what follows, never shown
            pts = None
        found.packets += 1
        found.size_bytes += packet.size
        if pts is not None:
            start = float(pts * self._base)
            found.start = start if found.start is None else min(found.start, start)
            found.end = max(found.end, start + source_reader.seconds(packet.duration, self._base))
        self._follow(packet, None if pts is None else float(pts * self._base))

    def finish(self) -> StreamScan:
        found, stated = self.found, self._stated_start
        if not found.decodes and found.packets:
            self._decode(None)
        if found.start is not None and stated is not None and 0 < stated - found.start < _PRIMING_SECONDS:
            found.start = stated
        return found

    def _follow(self, packet: Any, _time: float | None) -> None:
        if not self.found.decodes and self.found.packets <= _MAX_TRIED_PACKETS:
            self._decode(packet)

    def _decode(self, packet: Any) -> None:
        if self._decoder is None:
            return
        with contextlib.suppress(av.FFmpegError):
            for frame in self._decoder.decode(packet):
                self._look(frame)

    def _look(self, _frame: Any) -> None:
        """Reads facts from a frame."""


class _AudioProbe(_Probe):
    def _look(self, frame: Any) -> None:
        if not self.found.decodes and frame.samples and frame.sample_rate:
            self.found.channels, self.found.sample_rate = frame.layout.nb_channels, frame.sample_rate
            self.found.decodes = True


class _VideoProbe(_Probe):
    """Collects the times of all pictures, and looks for combing in rows of pictures, ever farther apart."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._times = array("d")
        self._is_reordered = False
        self._nominal = stream.average_rate or stream.base_rate
        self._left = SAMPLE_FRAMES  # pictures of the row that is looked at
        self._gap, self._next_row = _FIRST_GAP_SECONDS, _FIRST_GAP_SECONDS
        self._combing = _Combing()

    def finish(self) -> StreamScan:
        found = super().finish()
        found.end = self._end()
        rate, found.variable_frame_rate = motion_rate(np.frombuffer(self._times), self._nominal)
        found.frame_rate = rate.as_integer_ratio()
        found.interlaced = self._combing.is_interlaced()
        return found

    def _end(self) -> float:
        """When the last picture ends.

        It has the usual duration where its packet states none. Where pictures are shown in another order than they are
        decoded, a stated one may be that until the next is decoded, so it counts only as far as the stream's end does.
        """
        times, found = np.unique(np.frombuffer(self._times)), self.found
        if len(times) < 2:
            return found.end
        usual_end = float(times[-1] + np.median(np.diff(times)))
        if found.end <= times[-1]:
            return usual_end
        return min(found.end, max(usual_end, found.stated_end or 0.0)) if self._is_reordered else found.end

    def _follow(self, packet: Any, time: float | None) -> None:
        if time is not None:
            self._is_reordered |= bool(self._times) and time < self._times[-1]
            self._times.append(time)
        if self._left <= 0 and packet.is_keyframe and time is not None and time >= self._next_row:
            self._left, self._gap = SAMPLE_FRAMES, 2 * self._gap
            self._next_row = time + self._gap
            self._decoder.flush_buffers()
            self._combing.begin_row()
        if self._left > 0 and (self.found.decodes or self.found.packets <= _MAX_TRIED_PACKETS):
            self._decode(packet)

    def _look(self, frame: Any) -> None:
        self._left -= 1
        self._combing.add(frame)
        if self.found.decodes or frame.is_corrupt:
            return
        found, aspect = self.found, self._decoder.sample_aspect_ratio or Fraction(1)
        found.width, found.height, found.aspect = frame.width, frame.height, aspect.as_integer_ratio()
        found.rotation = round(-frame.rotation / 90) * 90 % 360
        found.pix_fmt = frame.format.name
        found.transfer, found.primaries = int(frame.color_trc), int(frame.color_primaries)
        found.decodes = True


class _Combing:
    """Counts pictures that are flagged as interlaced, or look so to ffmpeg's filter `idet`."""

    _COMBED_PER_CLEAN = 3

    def __init__(self) -> None:
        self._flagged = self._frames = self._combed = self._clean = 0
        self._graph: _Idet | None = None

    def begin_row(self) -> None:
        self._graph = None

    def add(self, frame: Any) -> None:
        self._frames += 1
        self._flagged += frame.interlaced_frame
        with contextlib.suppress(av.FFmpegError, ValueError):
            if self._graph is None:
                self._graph = _Idet(frame)
            kind = self._graph.kind(frame)
            self._combed += kind in {"tff", "bff"}
            self._clean += kind == "progressive"

    def is_interlaced(self) -> bool:
        looks_so = self._combed >= SAMPLE_FRAMES / 2 and self._combed >= self._COMBED_PER_CLEAN * self._clean
        return looks_so or self._flagged * 2 > self._frames


class _Idet:
    def __init__(self, frame: Any) -> None:
        graph = Graph()
        size = f"video_size={frame.width}x{frame.height}:pix_fmt={frame.format.name}:time_base=1/1000"
        idet = graph.add("idet", f"intl_thres={_COMBING_THRESHOLD}")
        self._source, self._sink = graph.add("buffer", size), graph.add("buffersink")
        self._source.link_to(idet)
        idet.link_to(self._sink)
        graph.configure()
        self._graph = graph

    def kind(self, frame: Any) -> str | None:
        self._source.push(frame)
        try:
            return dict(self._sink.pull().metadata).get("lavfi.idet.multiple.current_frame")
        except av.error.BlockingIOError:
            return None


def _description(stream: Any) -> StreamScan:
    tags = {name.lower(): value for name, value in stream.metadata.items()}
    return StreamScan(
        index=stream.index,
        kind=stream.type,
        codec=stream.codec_context.name if stream.codec_context else "unknown codec",
        is_default=bool(stream.disposition & Disposition.default),
        is_secondary=bool(stream.disposition & _SECONDARY),
        is_hidden=bool(stream.disposition & _HIDDEN),
        language=tags["language"][:MAX_TEXT] if "language" in tags else None,
        title=(tags.get("title", "") or tags.get("handler_name", ""))[:MAX_TEXT],
        stated_end=_stated_end(stream, tags.get("duration", "")),
        width=getattr(stream.codec_context, "width", 0),
        height=getattr(stream.codec_context, "height", 0),
    )


def _stated_end(stream: Any, clock: str) -> float | None:
    """When this stream ends by the container's clock, in seconds: MP4 and others have a field, Matroska a tag."""
    if stream.duration is not None and stream.container.format.name == "asf":  # that of the file
        return float(stream.duration * stream.time_base)
    if stream.duration is not None:
        return source_reader.seconds(stream.start_time, stream.time_base) + float(stream.duration * stream.time_base)
    return seconds_of(clock)


def seconds_of(clock: str) -> float | None:
    """Seconds of a text such as `01:02:03.5`; None of any other."""
    match = _CLOCK.fullmatch(clock.strip())
    return int(match[1]) * 3600 + int(match[2]) * 60 + float(match[3]) if match else None
