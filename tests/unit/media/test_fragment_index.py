"""The fragment index, on streams that are built box by box and on one of ffmpeg's."""

import struct
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediajobs.media.fragment_index import FragmentIndex
from tests.support.waiting import HANG_SECONDS


def box(kind: bytes, payload: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(payload), kind) + payload


def full(kind: bytes, payload: bytes, flags: int = 0) -> bytes:
    return box(kind, struct.pack(">I", flags) + payload)


def track(track_id: int, handler: bytes, timescale: int, sample_entry: bytes) -> bytes:
    tables = box(b"stbl", full(b"stsd", struct.pack(">I", 1) + sample_entry))
    header = full(b"mdhd", struct.pack(">III", 0, 0, timescale) + bytes(8))
    media = box(b"mdia", header + full(b"hdlr", bytes(4) + handler + bytes(13)) + box(b"minf", tables))
    return box(b"trak", full(b"tkhd", struct.pack(">III", 0, 0, track_id) + bytes(68)) + media)


AVC = box(b"avc1", bytes(78) + box(b"avcC", bytes([1, 0x64, 0x00, 0x1F, 0xFF])))
DECODER = bytes([4, 0x80, 0x80, 0x80, 20, 0x40]) + bytes(12) + bytes([5, 2, 0x11, 0x90])
AAC = box(b"mp4a", bytes(28) + full(b"esds", bytes([3, 0x80, 0x80, 0x80, 30, 0, 0, 0]) + DECODER))
MOOV = box(
    b"moov",
    track(1, b"vide", 90000, AVC)
    + track(2, b"soun", 48000, AAC)
    + box(
        b"mvex",
        full(b"trex", struct.pack(">IIIII", 1, 1, 3600, 0, 0)) + full(b"trex", struct.pack(">IIIII", 2, 1, 1024, 0, 0)),
    ),
)
INIT = box(b"ftyp", b"iso5") + MOOV


def keyed_fragment(size: int, *, base: int = 0x20000, trun: int = 0x201, flags: int = 0, shift: int = 0) -> bytes:
    """One second of video alone, whose first picture has `size` bytes and whose media lies `shift` bytes too late.

    `base`: flags of the tfhd; `trun`: of the run; `flags`: of its first sample.
    """
    own = (struct.pack(">I", flags) if trun & 0x4 else b"") + (struct.pack(">II", size, 9) if trun & 0x200 else b"")
    length = 8 + 16 + 8 + (16 + (4 if base & 0x10 else 0)) + 16 + (16 + (4 if trun & 0x1 else 0) + len(own)) + 8
    offset = struct.pack(">i", length + shift) if trun & 0x1 else b""
    head = full(b"tfhd", struct.pack(">I", 1) + (struct.pack(">I", size) if base & 0x10 else b""), flags=base)
    run = full(b"trun", struct.pack(">I", 2) + offset + own, flags=trun)
    moof = box(b"moof", full(b"mfhd", bytes(4)) + box(b"traf", head + full(b"tfdt", bytes(4)) + run))
    return moof + box(b"mdat", bytes(5000))


@pytest.mark.parametrize(
    ("made", "known"),
    [
        (keyed_fragment(700), True),
        (keyed_fragment(700, base=0x20010, trun=0x1), True),  # the size is that of all samples
        (keyed_fragment(700, trun=0x205, flags=0x2000000), True),
        (keyed_fragment(700, trun=0x205, flags=0x10000), False),  # no keyframe
        (keyed_fragment(700, shift=9), False),  # other media comes first
        (keyed_fragment(700, base=0), False),  # offsets count from elsewhere
        (keyed_fragment(700, trun=0x200), False),  # no offset
    ],
)
def test_the_first_picture_ends_where_the_fragment_says(made: bytes, known: bool) -> None:  # noqa: FBT001
    (found,) = index_of(INIT + made, 333).fragments
    assert found.keyframe_size == (len(made) - 5000 + 700 if known else None)


def fragment(video_start: int, durations: list[int], audio_start: int, audio_samples: int, media: int) -> bytes:
    """Video with a duration for each sample, audio with the default."""
    run = struct.pack(">II", len(durations), 0) + b"".join(struct.pack(">II", d, 99) for d in durations)
    video = full(b"tfhd", struct.pack(">I", 1)) + full(b"tfdt", struct.pack(">I", video_start))
    video += full(b"trun", run, flags=0x301)
    audio = full(b"tfhd", struct.pack(">II", 2, 1024), flags=0x8) + full(b"tfdt", struct.pack(">I", audio_start))
    audio += full(b"trun", struct.pack(">I", audio_samples))
    return box(b"moof", full(b"mfhd", bytes(4)) + box(b"traf", video) + box(b"traf", audio)) + box(
        b"mdat", bytes(media)
    )


FIRST = fragment(0, [3600] * 100, 0, 188, 5000)
SECOND = fragment(360000, [3600, 7200], 192512, 6, 700)
STREAM = INIT + FIRST + SECOND + box(b"mfra", bytes(40))


def index_of(stream: bytes, piece: int) -> FragmentIndex:
    index = FragmentIndex()
    for start in range(0, len(stream), piece):
        index.feed(stream[start : start + piece])
    return index


@given(piece=st.integers(1, len(STREAM)))
def test_fragments_are_found_however_the_stream_is_cut(piece: int) -> None:
    index = index_of(STREAM, piece)
    assert index.init_size == len(INIT)
    first, second = index.fragments
    assert (first.offset, first.size, first.duration) == (len(INIT), len(FIRST), 4.0)
    assert (second.offset, second.size) == (len(INIT) + len(FIRST), len(SECOND))


def test_the_last_fragment_lasts_until_its_longest_track_ends() -> None:
    assert index_of(STREAM, 64).fragments[-1].duration == pytest.approx((192512 + 6 * 1024) / 48000 - 4, abs=1e-6)


def test_codecs_are_read_from_the_sample_entries() -> None:
    assert index_of(STREAM, 64).codecs == "avc1.64001f,mp4a.40.2"


def test_a_fragment_counts_only_once_its_media_has_begun() -> None:
    assert index_of(INIT + FIRST[:100], 64).count == 0
    assert index_of(INIT + FIRST, 64).count == 1


def test_a_box_before_a_fragment_belongs_to_it() -> None:
    stamped = INIT + FIRST + box(b"prft", bytes(20)) + SECOND
    first, second = index_of(stamped, 1000).fragments
    assert second.offset == first.offset + first.size
    assert second.offset + second.size == len(stamped)


def test_media_is_not_kept_in_memory() -> None:
    index = FragmentIndex()
    index.feed(INIT + FIRST[: -5000 + 100])
    assert len(index._pending) == 0


@pytest.mark.parametrize("stream", [FIRST, bytes(64), struct.pack(">I4s", 1 << 31, b"moov")])
def test_what_is_no_fragmented_mp4_is_refused(stream: bytes) -> None:
    with pytest.raises(ValueError, match=r"moov|box"):
        FragmentIndex().feed(stream)


FRAGMENTED = "frag_keyframe+empty_moov+default_base_moof+delay_moov"


def written(*arguments: str) -> bytes:
    """What ffmpeg writes as a fragmented MP4."""
    command = ["ffmpeg", "-nostdin", "-v", "error", *arguments, "-f", "mp4", "-movflags", FRAGMENTED, "-"]
    return subprocess.run(command, check=True, capture_output=True, timeout=HANG_SECONDS).stdout


def test_what_ffmpeg_writes_is_read_as_ffprobe_reads_it() -> None:
    index = index_of(written(*["-f", "lavfi", "-i", "testsrc2=s=64x64:r=10:d=3", "-c:v", "libx264", "-g", "10"]), 1000)
    assert [fragment.duration for fragment in index.fragments] == [1.0, 1.0, 1.0]
    assert index.duration == 3.0
    assert index.codecs.startswith("avc1.64")


def test_the_beginning_of_a_fragment_is_its_first_picture(tmp_path: Path) -> None:
    """Decoded by ffmpeg, after the initialisation section: as players do with an I-frame playlist."""
    clip = "-f lavfi -i testsrc2=s=64x64:r=10:d=3 -f lavfi -i sine=d=3 -c:v libx264 -g 10 -c:a aac"
    stream = written(*clip.split())
    index = index_of(stream, 4096)
    for number, fragment in enumerate(index.fragments):
        assert fragment.keyframe_size is not None
        picture = tmp_path / f"{number}.mp4"
        end = fragment.offset + fragment.keyframe_size
        picture.write_bytes(stream[: index.init_size] + stream[fragment.offset : end])
        decode = ["ffmpeg", "-nostdin", "-v", "quiet", "-i", str(picture), "-map", "0:v", "-f", "framecrc", "-"]
        frames = subprocess.run(decode, check=False, capture_output=True, timeout=HANG_SECONDS).stdout.splitlines()
        assert len([line for line in frames if line.startswith(b"0,")]) == 1
        assert fragment.keyframe_size < fragment.size


def test_a_file_of_sound_alone_is_indexed() -> None:
    sound = "-f lavfi -i sine=d=9 -c:a aac -frag_duration 4000000"
    index = index_of(written(*sound.split()), 512)
    assert index.codecs == "mp4a.40.2"
    assert [round(fragment.duration) for fragment in index.fragments] == [4, 4, 1]
    assert {fragment.keyframe_size for fragment in index.fragments} == {None}
    assert index.duration == pytest.approx(9, abs=0.1)
