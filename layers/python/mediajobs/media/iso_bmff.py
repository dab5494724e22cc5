"""Reads what an HLS index needs: tracks and codecs from a moov, times and first samples from a moof.

ISO/IEC 14496-12.
"""

import struct
from collections.abc import Iterator
from typing import NamedTuple

CHILD_OFFSETS = {
    b"stsd": 8,
    b"avc1": 78,
    b"mp4a": 28,
    b"esds": 4,
}  # bytes before the children or the payload

_BASE_IS_MOOF = 0x20000  # of a tfhd: its offsets count from the moof's begin
_IS_NO_SYNC_SAMPLE = 0x10000  # of a sample


class Track(NamedTuple):
    """`kind` is the handler (`vide`, `soun`), `timescale` ticks per second, `codec` by RFC 6381.

    The defaults are those of a sample whose fragment says nothing else: duration in ticks, size in bytes, flags.
    """

    track_id: int
    kind: str
    timescale: int
    codec: str
    default_duration: int
    default_size: int = 0
    default_flags: int = 0


class Span(NamedTuple):
    """One track's samples in a fragment: their start and end, in ticks of the track's timescale.

    `first_sample`: offset from the moof's begin and size of the first sample, in bytes; None where it is no sync sample
    or the fragment does not say where it lies.
    """

    track_id: int
    start: int
    end: int
    first_sample: tuple[int, int] | None = None


def children(data: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Yields (type, payload) of each box in `data`."""
    position = 0
    while position + 8 <= len(data):
        header, size, kind = box_header(data[position : position + 16])
        if size < header:
            raise ValueError(f"a {kind!r} box of {size} bytes")
        yield kind, data[position + header : position + size]
        position += size


def box_header(data: bytes | bytearray) -> tuple[int, int, bytes]:
    """(header size, box size, type) from the first 8 bytes of a box, 16 where the size has 64 bits."""
    size, kind = struct.unpack_from(">I4s", data)
    if size != 1:
        return 8, size, kind
    if len(data) < 16:
        return 16, 16, kind
    return 16, struct.unpack_from(">Q", data, 8)[0], kind


def find(data: bytes, path: str) -> bytes:
    """The payload of the first box at a path such as `mdia/minf/stbl`; raises ValueError where there is none."""
    for name in path.encode().split(b"/"):
        data = next((payload for kind, payload in children(data) if kind == name), b"")
        data = data[CHILD_OFFSETS.get(name, 0) :]
    if not data:
        raise ValueError(f"no {path} box")
    return data


def read_tracks(moov: bytes) -> list[Track]:
    """The tracks in the payload of a moov."""
    defaults: dict[int, tuple[int, int, int]] = {}
    for kind, trex in children(find(moov, "mvex")):
        if kind == b"trex":
            track_id, _, duration, size, flags = struct.unpack_from(">IIIII", trex, 4)
            defaults[track_id] = (duration, size, flags)
    return [_track(trak, defaults) for kind, trak in children(moov) if kind == b"trak"]


def read_spans(moof: bytes, tracks: dict[int, Track]) -> list[Span]:
    """The samples of each track in the payload of a moof."""
    return [_span(traf, tracks) for kind, traf in children(moof) if kind == b"traf"]


def _track(trak: bytes, defaults: dict[int, tuple[int, int, int]]) -> Track:
    tkhd, mdhd = find(trak, "tkhd"), find(trak, "mdia/mdhd")
    track_id = struct.unpack_from(">I", tkhd, 20 if tkhd[0] == 1 else 12)[0]
    timescale = struct.unpack_from(">I", mdhd, 20 if mdhd[0] == 1 else 12)[0]
    kind = find(trak, "mdia/hdlr")[8:12].decode("ascii")
    codec = _codec(find(trak, "mdia/minf/stbl/stsd"))
    return Track(track_id, kind, timescale, codec, *defaults.get(track_id, (0, 0, 0)))


def _codec(stsd: bytes) -> str:
    kind = next(children(stsd))[0]
    if kind == b"avc1":
        profile, constraints, level = find(stsd, "avc1/avcC")[1:4]
        return f"avc1.{profile:02x}{constraints:02x}{level:02x}"
    if kind == b"mp4a":
        return _aac(find(stsd, "mp4a/esds"))
    raise ValueError(f"no codec string for {kind!r}")


def _aac(descriptors: bytes) -> str:
    """`mp4a.40.2` from an ES descriptor: object type indication, then audio object type (ISO/IEC 14496-1, 14496-3)."""
    config = _descriptor(_descriptor(descriptors, 3)[3:], 4)
    specific = _descriptor(config[13:], 5)
    return f"mp4a.{config[0]:x}.{specific[0] >> 3}"


def _descriptor(data: bytes, tag: int) -> bytes:
    if data[0] != tag:
        raise ValueError(f"descriptor {data[0]} where {tag} belongs")
    position = 1
    while data[position] & 0x80:  # the size, seven bits in each byte
        position += 1
    return data[position + 1 :]


class _Defaults(NamedTuple):
    """What a tfhd says, or else the track's trex, about samples whose trun says nothing."""

    duration: int
    size: int
    flags: int
    base_is_moof: bool  # offsets in the file count from the moof


def _span(traf: bytes, tracks: dict[int, Track]) -> Span:
    tfhd, tfdt = find(traf, "tfhd"), find(traf, "tfdt")
    track_id = struct.unpack_from(">I", tfhd, 4)[0]
    start = struct.unpack_from(">Q" if tfdt[0] == 1 else ">I", tfdt, 4)[0]
    defaults = _defaults(tfhd, tracks[track_id])
    runs = [trun for kind, trun in children(traf) if kind == b"trun"]
    durations = (_run_duration(trun, defaults.duration) for trun in runs)
    first = _first_sample(runs[0], defaults) if runs and defaults.base_is_moof else None
    return Span(track_id, start, start + sum(durations), first)


def _defaults(tfhd: bytes, track: Track) -> _Defaults:
    flags = struct.unpack_from(">I", tfhd)[0]
    position = 8 + (8 if flags & 0x1 else 0) + (4 if flags & 0x2 else 0)
    values = [track.default_duration, track.default_size, track.default_flags]
    for number, bit in enumerate((0x8, 0x10, 0x20)):
        if flags & bit:
            values[number] = struct.unpack_from(">I", tfhd, position)[0]
            position += 4
    duration, size, sample_flags = values
    return _Defaults(duration, size, sample_flags, bool(flags & _BASE_IS_MOOF))


def _first_sample(trun: bytes, defaults: _Defaults) -> tuple[int, int] | None:
    """(offset from the moof, size) of a run's first sample. None where it is no sync sample, or without an offset."""
    flags, samples = struct.unpack_from(">II", trun)
    if not samples or not flags & 0x1:
        return None
    offset = struct.unpack_from(">i", trun, 8)[0]
    size, sample_flags, position = defaults.size, defaults.flags, _run_head(flags)
    if flags & 0x4:
        sample_flags = struct.unpack_from(">I", trun, 12)[0]
    for bit in (0x100, 0x200, 0x400):
        if flags & bit:
            value = struct.unpack_from(">I", trun, position)[0]
            position += 4
            size = value if bit == 0x200 else size
            sample_flags = value if bit == 0x400 else sample_flags
    return None if sample_flags & _IS_NO_SYNC_SAMPLE else (offset, size)


def _run_head(flags: int) -> int:
    """Bytes of a trun before its samples."""
    return 8 + (4 if flags & 0x1 else 0) + (4 if flags & 0x4 else 0)


def _run_duration(trun: bytes, default: int) -> int:
    flags: int
    samples: int
    flags, samples = struct.unpack_from(">II", trun)
    if not flags & 0x100:
        return samples * default
    fields = sum(1 for bit in (0x100, 0x200, 0x400, 0x800) if flags & bit)
    values: tuple[int, ...] = struct.unpack_from(f">{samples * fields}I", trun, _run_head(flags))
    return sum(values[::fields])
