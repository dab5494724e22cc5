"""Small files that want much: each is taken or refused by name, within the limits of its child."""

import random
import struct
import wave
from pathlib import Path

import pytest

from mediajobs.errors import JobError
from mediajobs.media import ladder
from mediajobs.media.options import Options
from mediajobs.storage.bucket_store import MediaBucket
from statemachine.tasks import decoder_process, limits, validate
from tests.support import task_context
from tests.support.media_samples import ffmpeg

CARD = ["-f", "lavfi", "-i", "testsrc=s=128x96:r=10:d=1"]
TONE = ["-f", "lavfi", "-i", "sine=d=1"]
NAMED = {
    "not_media", "undecodable", "empty_media", "no_streams", "truncated_source", "too_large_picture", "damaged_source",
    "too_many_streams", "too_long", "unsupported_sample_rate", "playlist_refused", "empty_file",
}  # fmt: skip


def refusal(bucket: MediaBucket, source: Path | bytes) -> str | None:
    """The code with which validation ends; None where it takes the file."""
    try:
        validate.run(task_context.job(bucket, source))
    except JobError as error:
        return error.code
    return None


def box(kind: bytes, payload: bytes, size: int | None = None) -> bytes:
    return struct.pack(">I4s", len(payload) + 8 if size is None else size, kind) + payload


def test_a_page_of_comments_hangs_nobody(bucket: MediaBucket) -> None:
    assert refusal(bucket, b"<!---->" * 40 + b"\0" * 16) == "not_media"


def test_a_sound_that_claims_half_a_day_in_43_kilobytes(bucket: MediaBucket, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "slow.wav"), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(1)
        file.setframerate(1)
        file.writeframes(bytes([100, 150]) * 21_500)
    assert refusal(bucket, tmp_path / "slow.wav") == "unsupported_sample_rate"


def test_two_pictures_43_minutes_apart_become_no_155_000(bucket: MediaBucket, tmp_path: Path) -> None:
    ffmpeg("-f", "lavfi", "-i", "testsrc=s=128x96:r=60:d=0.04", "-vf", "setpts=N*2580/TB", "-fps_mode", "passthrough",
           "-c:v", "libx264", "-r", "60", tmp_path / "apart.mkv")  # fmt: skip
    source = validate.run(task_context.job(bucket, tmp_path / "apart.mkv")).source
    planned = ladder.plan(source, Options())
    assert planned.frame_rate is not None
    assert source.duration_seconds * planned.frame_rate < 4000


def test_a_picture_that_claims_to_be_huge(bucket: MediaBucket, tmp_path: Path) -> None:
    ffmpeg(*CARD, tmp_path / "small.gif")
    content = bytearray((tmp_path / "small.gif").read_bytes())
    content[6:10] = b"\xff\xff\xff\xff"  # its canvas
    assert refusal(bucket, bytes(content)) in NAMED


def test_a_picture_that_becomes_huge_in_the_middle(bucket: MediaBucket, tmp_path: Path) -> None:
    ffmpeg(*CARD, "-c:v", "mjpeg", "-pix_fmt", "yuvj420p", tmp_path / "clip.avi")
    content = bytearray((tmp_path / "clip.avi").read_bytes())
    position = content.index(b"\xff\xc0", content.index(b"\xff\xc0") + 2)
    content[position + 5 : position + 9] = b"\xff\xf0\xff\xf0"  # height and width of the second picture
    assert refusal(bucket, bytes(content)) in {*NAMED, None}


def test_a_file_of_a_hundred_streams(bucket: MediaBucket, tmp_path: Path) -> None:
    ffmpeg(*TONE, *(["-map", "0"] * 100), "-c:a", "pcm_u8", "-ar", "8000", tmp_path / "many.mkv")
    assert refusal(bucket, tmp_path / "many.mkv") == "too_many_streams"


def test_a_title_of_many_megabytes(bucket: MediaBucket, tmp_path: Path) -> None:
    """Its child may not tell more than 1 MiB, and the parent keeps none of it."""
    ffmpeg(*TONE, tmp_path / "plain.mp3")
    title = b"\0" + b"x" * (20 << 20)
    frame = b"TIT2" + struct.pack(">I", len(title)) + b"\0\0" + title
    size = len(frame)
    header = b"ID3\x03\0\0" + bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    plain = (tmp_path / "plain.mp3").read_bytes()
    assert refusal(bucket, header + frame + plain) is None


def test_a_decoder_that_tells_without_end_does_not_fill_the_task() -> None:
    output = bytearray()
    read = decoder_process._bounded(output, limits.SCAN_BYTES)
    for _ in range(limits.SCAN_BYTES // 65_536):
        read(b"x" * 65_536)
    with pytest.raises(JobError) as caught:
        read(b"x")
    assert caught.value.code == "not_media"
    assert len(output) <= limits.SCAN_BYTES


def test_an_index_of_four_billion_samples(bucket: MediaBucket, tmp_path: Path) -> None:
    ffmpeg(*CARD, "-c:v", "libx264", tmp_path / "clip.mp4")
    for table in (b"stsz", b"stts", b"stsc", b"stco", b"ctts", b"stss"):
        content = bytearray((tmp_path / "clip.mp4").read_bytes())
        position = content.find(table)
        if position < 0:
            continue
        count = position + (12 if table == b"stsz" else 8)
        content[count : count + 4] = b"\xff\xff\xff\xff"
        assert refusal(bucket, bytes(content)) in {*NAMED, None}, table


def test_boxes_in_boxes_in_boxes(bucket: MediaBucket) -> None:
    nested = b""
    for _ in range(20_000):
        nested = box(b"moov", nested)[:60_000]
    assert refusal(bucket, box(b"ftyp", b"isom\0\0\2\0isom") + nested) in NAMED


def test_a_matroska_element_of_the_largest_size(bucket: MediaBucket, tmp_path: Path) -> None:
    ffmpeg(*CARD, "-c:v", "libx264", tmp_path / "clip.mkv")
    content = (tmp_path / "clip.mkv").read_bytes()
    segment = content.index(b"\x18\x53\x80\x67") + 4
    huge = content[:segment] + b"\x01" + b"\xff" * 6 + b"\xfe" + content[segment + 8 :]
    assert refusal(bucket, huge) in {*NAMED, None}


def test_a_duration_tag_that_is_no_time(bucket: MediaBucket, tmp_path: Path) -> None:
    ffmpeg(*CARD, "-c:v", "libx264", tmp_path / "clip.mkv")
    content = (tmp_path / "clip.mkv").read_bytes()
    position = content.index(b"DURATION")
    tag = content.index(b":", position) - 2
    assert refusal(bucket, content[:tag] + b"xx:yy:zz" + content[tag + 8 :]) is None


@pytest.mark.parametrize("seed", range(30))
def test_a_damaged_file_is_taken_or_refused(bucket: MediaBucket, tmp_path: Path, seed: int) -> None:
    """Bytes are changed, lost or repeated anywhere, headers above all."""
    chance = random.Random(seed)  # noqa: S311
    suffix = chance.choice(["mp4", "mkv", "ts", "avi", "flv", "mp3", "ogg", "webm"])
    inputs = TONE if suffix in {"mp3", "ogg"} else [*CARD, *TONE]
    ffmpeg(*inputs, tmp_path / f"clip.{suffix}")
    content = bytearray((tmp_path / f"clip.{suffix}").read_bytes())
    for _ in range(chance.choice([1, 5, 50])):
        position = chance.randrange(min(len(content), chance.choice([64, 1000, len(content)])))
        match chance.randrange(3):
            case 0:
                content[position] = chance.choice([0, 255, chance.randrange(256)])
            case 1:
                del content[position : position + chance.randrange(1, 64)]
            case _:
                content[position:position] = content[position : position + chance.randrange(1, 64)]
    assert refusal(bucket, bytes(content)) in {*NAMED, None}
