"""Opens a source with PyAV, and yields its packets in the order of the file, on one clock."""

import math
from collections.abc import Collection, Iterator
from fractions import Fraction
from typing import Any, cast

import av
from av.container import InputContainer

from mediajobs.errors import JobError
from statemachine.tasks.decoder import codecs
from statemachine.tasks.decoder.source_file import READ_BYTES, SourceFile
from statemachine.tasks.decoder.timeline import BROADCAST_GAP_SECONDS, OTHER_GAP_SECONDS, Timeline
from statemachine.tasks.file_signature import SUPPORTED_FILES

# Containers that hold the media themselves: no playlist, script, device or picture sequence.
CONTAINERS = (
    "mov,mp4,m4a,3gp,3g2,mj2,matroska,webm,mpegts,mpeg,mpegvideo,avi,flv,asf,ogg,mxf,nut,dv,gif,apng,rm,wtv,ivf,"
    "h264,hevc,m4v,obu,vc1,dirac,yuv4mpegpipe,wav,w64,aiff,au,caf,mp3,flac,aac,ac3,eac3,dts,dtshd,truehd,mlp,loas,amr,"
    "ape,wv,tta,mpc,mpc8,voc,oma"
)
_OPTIONS = {
    "format_whitelist": CONTAINERS,
    "codec_whitelist": codecs.ALLOWED,
    "protocol_whitelist": "none",  # all bytes come from a SourceFile
}
TOLERANCE_SECONDS = 1.0  # by which a second reading may end earlier than the first
_LEAST_DECODED = 0.4  # of the packets after the first frame; one with two fields may come as two packets
_LONGEST_INTERVAL_SECONDS = 10.0  # of packets that have no duration
_BROADCAST_FORMATS = {"mpegts", "mpeg", "ogg", "flv", "rm"}


def open_source(source: SourceFile) -> InputContainer:
    """Raises JobError where the file is no media or cannot be read."""
    try:
        return cast(
            "InputContainer", av.open(source, options=_OPTIONS, metadata_errors="replace", buffer_size=READ_BYTES)
        )
    except av.FFmpegError as error:
        raise read_error(error) from error


def media_indexes(container: InputContainer) -> list[int]:
    """The audio and video streams."""
    return [stream.index for stream in container.streams if stream.type in {"video", "audio"}]


def timeline_of(container: InputContainer) -> Timeline:
    is_broadcast = not _BROADCAST_FORMATS.isdisjoint(container.format.name.split(","))
    return Timeline(BROADCAST_GAP_SECONDS if is_broadcast else OTHER_GAP_SECONDS)


def packets(container: InputContainer, indexes: Collection[int], timeline: Timeline) -> Iterator[Any]:
    """The packets of the streams with these indexes, with timestamps on the timeline. Raises JobError."""
    streams = [stream for stream in container.streams if stream.index in indexes]
    if not streams:
        return
    try:
        for packet in container.demux(streams):
            if packet.size:
                _place(packet, timeline)
                yield packet
    except av.error.EOFError:
        return
    except av.error.InvalidDataError:
        return  # the rest is damaged: what is missing shows by its length
    except av.FFmpegError as error:
        raise read_error(error) from error


def seconds(value: int | None, time_base: Fraction) -> float:
    return 0.0 if value is None else float(value * time_base)


class Clock:
    """Yields the packets of one stream, tells the time of its frames, and notices where the source breaks off.

    To FFmpeg a broken connection looks like the end of the source.
    """

    def __init__(self, container: InputContainer, stream: int, start: float, end: float, *, jumps: bool) -> None:
        self.stream: Any = container.streams[stream]
        self._container, self._jumps = container, jumps
        self._start, self._expected_end = start, end
        self._end = self._latest = 0.0
        self._packets = self._frames = 0  # since the first frame

    def packets(self) -> Iterator[Any]:
        """Where there are jumps, those of all streams are followed: the scan found them so. Else no gap is one."""
        indexes = media_indexes(self._container) if self._jumps else [self.stream.index]
        timeline = timeline_of(self._container) if self._jumps else Timeline(math.inf)
        for packet in packets(self._container, indexes, timeline):
            if packet.stream_index == self.stream.index:
                self._follow(packet)
                yield packet

    def _follow(self, packet: Any) -> None:
        """A packet without a duration lasts as long as the one before it did."""
        shown_at = packet.pts if packet.pts is not None else packet.dts
        time = seconds(shown_at, packet.time_base) - self._start
        interval = min(max(0.0, time - self._latest), _LONGEST_INTERVAL_SECONDS)
        self._latest = max(self._latest, time)
        self._end = max(self._end, time + (seconds(packet.duration, packet.time_base) or interval))
        self._packets += bool(self._frames)

    def time_of(self, frame: Any, default: float) -> float:
        """Seconds from the start of the source; `default` where the frame has no timestamp."""
        self._frames += 1
        ticks = frame.pts if frame.pts is not None else frame.dts
        return default if ticks is None else float(ticks * frame.time_base) - self._start

    def check_end(self) -> None:
        """Raises JobError where the last packet came far too early, and where most of them gave no frame."""
        if self._end < self._expected_end - TOLERANCE_SECONDS:
            raise JobError(
                "incomplete_output",
                f"only {self._end:.1f} of {self._expected_end:.1f} s could be read; retry, or export the file anew",
                retryable=True,
            )
        if self._frames < _LEAST_DECODED * self._packets:
            message = f"only {self._frames} of {self._packets} frames of the {self.stream.type} could be decoded"
            raise JobError("damaged_source", f"{message}: the file is damaged; export it anew, or upload it again")


def _place(packet: Any, timeline: Timeline) -> None:
    shown_at = packet.pts if packet.pts is not None else packet.dts
    if shown_at is None:
        return
    base = packet.time_base
    decoded_at = None if packet.dts is None else seconds(packet.dts, base)
    offset = timeline.offset(packet.stream_index, decoded_at, seconds(shown_at, base), seconds(packet.duration, base))
    if offset:
        ticks = round(Fraction(offset) / base)
        packet.dts = None if packet.dts is None else packet.dts + ticks
        packet.pts = None if packet.pts is None else packet.pts + ticks


def read_error(error: av.FFmpegError) -> JobError:
    """The JobError, with its code, that says why a source could not be read."""
    log = str(error.log)
    if "moov atom not found" in log:
        return JobError(
            "truncated_source",
            "the file ends before its index (moov): the recording was not finished or the upload was cut; "
            "upload the whole file",
        )
    if "whitelist" in log:
        return JobError("not_media", f"the file is of a kind that is not taken; {SUPPORTED_FILES}")
    return JobError("not_media", f"the file is no audio or video that can be read; {SUPPORTED_FILES}")
