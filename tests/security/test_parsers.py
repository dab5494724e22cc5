"""What reads a stranger's bytes in the task itself: it takes each byte once, and fails by name."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediajobs.errors import JobError
from mediajobs.media import hls_playlists, ladder
from mediajobs.media.fragment_index import MAX_FRAGMENTS, FragmentIndex
from mediajobs.media.manifests import Fragment
from mediajobs.media.options import Options
from mediajobs.media.outputs import HLS_AUDIO
from mediajobs.media.source import SourceFacts
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.streaming_upload_client import StoredObject
from statemachine.tasks import child_files, decoder_process, file_signature, limits, validate
from statemachine.tasks.decoder.scan import seconds_of
from statemachine.tasks.played_upload import PlayedUpload
from statemachine.tasks.position import Position
from statemachine.tasks.process_runner import ProcessFailed

DOUBLING = (b"<!---->", b"<!-- -->\n", b"<?xml?>", b"<?xml ?> ", b"<", b"\n", b"<!--", b"#", b"\xef\xbb\xbf", b" <?xml")
HOSTILE_FAILURES = (
    "{}",
    "[]",
    "null",
    '{"code": 1, "message": null, "retryable": "x"}',
    '{"code": "' + "x" * 9999 + '"}',
)
BOX = st.sampled_from([b"moov", b"moof", b"mdat", b"traf", b"trak", b"tfhd", b"tfdt", b"trun", b"mvex", b"stsd"])


def code_of(function: Callable[[], object]) -> str | None:
    try:
        function()
    except JobError as error:
        return error.code
    return None


@pytest.mark.parametrize("piece", DOUBLING)
def test_a_file_that_repeats_itself_takes_no_longer_than_its_bytes(piece: bytes) -> None:
    """40 comments took hours, and twice as long for each more. Here they fill all that is looked at."""
    head = (piece * (file_signature.BYTES // len(piece)))[: file_signature.BYTES - 16] + b"\0" * 16
    file_signature.check(head)


@pytest.mark.parametrize(
    "prolog", [b"", b" \n", b"<?xml version='1.0'?>\n", b"<!-- a > b -->", b"<?xml?><!----> <!-- -->\n"]
)
@pytest.mark.parametrize("element", [b"<MPD xmlns='x'>", b"<SmoothStreamingMedia ", b"<smil>", b"<ASX\n"])
def test_a_playlist_is_found_behind_what_may_come_before_it(prolog: bytes, element: bytes) -> None:
    with pytest.raises(JobError) as caught:
        file_signature.check(prolog + element + b"\0")
    assert caught.value.code == "playlist_refused"


@given(st.binary(max_size=300) | st.text(alphabet="<!-?>xml MPD#EXTM3U\n\0", max_size=300).map(str.encode))
def test_any_head_is_taken_or_refused_by_name(head: bytes) -> None:
    assert code_of(lambda: file_signature.check(head)) in {None, "empty_file", "playlist_refused", "not_media"}
    assert file_signature.is_cut_matroska(b"\x1a\x45\xdf\xa3" + head, len(head)) in {True, False}


@given(st.text(max_size=40) | st.from_regex(r"[0-9:. x]{0,30}"))
@example("xx:yy:zz")
@example("1:2:3:4")
@example("99999999999999999999:00:00")
@example("\u0663:\u0660\u0660:\u0660\u0660")
@example("nan:nan:nan")
@example("1:2:1e999")
def test_any_duration_tag_is_a_number_of_seconds_or_none(text: str) -> None:
    seconds = seconds_of(text)
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


def test_a_duration_tag_is_read() -> None:
    assert seconds_of("01:02:03.500000000") == 3723.5


@given(st.lists(st.binary(max_size=200) | st.just(b"out_time_us="), max_size=10))
@example([b"out_time_us=" + b"9" * 5000 + b"\n"])
@example([b"out_time_us=-1\nout_time_us=N/A\n", b"out_time_us=\xd9\xa3\n"])
def test_any_report_of_a_position_is_read_or_ignored(parts: list[bytes]) -> None:
    position = Position()
    for part in parts:
        position.feed(part)
    assert 0 <= position.seconds < 1e12


def test_a_report_without_an_end_takes_no_memory() -> None:
    position = Position()
    for _ in range(100):
        position.feed(b"x" * 10_000)
    assert len(position._rest) < 10_000


@st.composite
def boxes(draw: st.DrawFn) -> bytes:
    payload = draw(st.binary(max_size=60) | st.deferred(lambda: boxes()) | st.lists(boxes(), max_size=3).map(b"".join))
    size = draw(st.just(len(payload) + 8) | st.integers(0, 0xFFFFFFFF))
    return size.to_bytes(4, "big") + draw(BOX) + payload


@given(st.lists(boxes() | st.binary(max_size=30), max_size=5).map(b"".join))
def test_any_output_of_an_encoder_is_indexed_or_refused(data: bytes) -> None:
    index = FragmentIndex()
    try:
        index.feed(data)
    except ValueError:
        return
    assert math.isfinite(index.duration)


@given(st.integers(0, 400), st.integers(0, 255))
def test_a_changed_byte_of_a_real_output_is_indexed_or_refused(position: int, value: int) -> None:
    content = bytearray(REAL)
    content[position % len(content)] = value
    index = FragmentIndex()
    try:
        index.feed(bytes(content))
    except ValueError:
        return
    assert len(index.fragments) <= MAX_FRAGMENTS


REAL = (Path(__file__).parent / "fragmented.mp4").read_bytes()
STREAM = {
    "index": 0, "kind": "video", "codec": "h264", "is_default": True, "is_secondary": False, "is_hidden": False,
    "language": None, "title": "", "stated_end": None, "packets": 9, "decodes": True, "frame_rate": (25, 1),
}  # fmt: skip


@given(st.binary(max_size=200) | st.recursive(st.none() | st.floats() | st.text(max_size=5), st.lists).map(
    lambda value: json.dumps(value).encode()))  # fmt: skip
@example(b'{"container": "x", "stated_duration": "1e999", "jumps": 0, "is_cut": false, "streams": []}')
@example(b'{"container": "x", "stated_duration": NaN, "jumps": 0, "is_cut": false, "streams": []}')
@example(b'{"container": "x", "stated_duration": 1e999, "jumps": 0, "is_cut": false, "streams": []}')
@example(b'{"container": "\\ud800", "stated_duration": null, "jumps": 0, "is_cut": false, "streams": []}')
@example(b'{"container": "x", "stated_duration": null, "jumps": 1' + b"0" * 5000 + b', "is_cut": false, "streams": []}')
@example(b"[" * 100_000)
def test_any_answer_of_a_decoder_is_parsed_or_refused(output: bytes) -> None:
    assert code_of(lambda: decoder_process._parsed(output)) in {None, "undecodable"}


VALUES = (0, 1, 90, 1280, 1 << 63, -1, 1e300, 1e-300, 5e-324, -1e19, 1e19, 10**400, math.inf, -math.inf, math.nan)
NUMBERS, WORDS = st.sampled_from(VALUES), st.sampled_from(["h264", "mjpeg", "mpegts", "\ud800", "x" * 10_000])
STREAMS = st.fixed_dictionaries(
    {"index": st.just(0), "kind": st.sampled_from(["video", "audio"]), "is_default": st.booleans(), "title": WORDS,
     "is_secondary": st.booleans(), "is_hidden": st.booleans(), "codec": WORDS, "language": WORDS,
     "stated_end": NUMBERS | st.none(), "packets": st.just(9)},
    optional={"start": NUMBERS, "end": NUMBERS, "size_bytes": NUMBERS, "width": NUMBERS, "height": NUMBERS,
              "decodes": st.sampled_from([True]), "rotation": NUMBERS, "channels": NUMBERS, "sample_rate": NUMBERS,
              "aspect": st.tuples(NUMBERS, NUMBERS), "frame_rate": st.tuples(NUMBERS, NUMBERS)},
)  # fmt: skip


def facts_of(container: str, duration: float | None, streams: list[dict[str, Any]]) -> SourceFacts:
    """What a task takes from a decoder's answer. Raises JobError."""
    answer = {"container": container, "stated_duration": duration, "jumps": 0, "is_cut": False, "streams": streams}
    written = json.dumps(answer).replace("Infinity", "1e999").encode()
    return validate.facts_of(decoder_process._parsed(written), StoredObject("key", 1, "0" * 64)).source


@given(WORDS, NUMBERS | st.none(), st.lists(STREAMS, min_size=1, max_size=3))
@example("mp4", None, [STREAM | {"start": math.inf, "end": math.inf}])
@example("mp4", None, [STREAM | {"end": 1.0, "aspect": (1, 0)}])
@example("mp4", None, [STREAM | {"end": 1.0, "frame_rate": (1, 0)}])
@example("mp4", None, [STREAM | {"end": 5e-324, "size_bytes": 1 << 63}])
def test_any_facts_of_a_decoder_are_finite_or_refused(
    container: str, duration: float | None, streams: list[dict[str, Any]]
) -> None:
    try:
        facts = facts_of(container, duration, streams)
    except JobError:
        return
    assert 0 < facts.duration_seconds <= limits.MAX_DURATION_SECONDS
    assert all(math.isfinite(value) for value in (facts.start_time, facts.video.frame_rate if facts.video else 0.0))
    assert len(facts.model_dump_json()) < 10_000


@given(st.integers(-64, 255), st.text(max_size=200) | st.sampled_from(HOSTILE_FAILURES))
def test_any_failure_of_a_decoder_has_a_name(returncode: int, stderr: str) -> None:
    error = decoder_process._named(ProcessFailed("scan", returncode, stderr))
    assert len(error.code) <= 64
    assert len(error.message) <= 600


def test_the_peak_of_countless_fragments_takes_no_longer_than_reading_them() -> None:
    """One that lasts long, and others that last no time: each pair of them was looked at, for hours."""
    fragments = [Fragment(offset=0, size=1, duration=0.0)] * (MAX_FRAGMENTS - 1)
    assert hls_playlists.peak_bandwidth([Fragment(offset=0, size=1000, duration=8.0), *fragments]) > 1000


def test_a_fragment_of_countless_samples_is_refused() -> None:
    """Each of its four bytes would become a number of thirty-two in memory, in every upload."""
    with pytest.raises(ValueError, match="box of"):
        FragmentIndex().feed((32 << 20).to_bytes(4, "big") + b"moof")


def test_an_output_of_countless_tracks_is_refused() -> None:
    start, end = REAL.index(b"trak") - 4, REAL.index(b"mvex") - 4
    number = REAL.index(b"tkhd") + 16 - start
    trak = REAL[start:end]
    traks = b"".join(trak[:number] + track.to_bytes(4, "big") + trak[number + 4 :] for track in range(100))
    moov = b"moov" + traks + REAL[end : REAL.index(b"moof") - 4]
    with pytest.raises(ValueError, match="100 tracks"):
        FragmentIndex().feed((len(moov) + 4).to_bytes(4, "big") + moov)


def test_an_encoder_that_writes_nothing_has_failed_by_name(bucket: MediaBucket) -> None:
    plan = ladder.plan(facts_of("mp4", None, [STREAM | {"kind": "audio", "channels": 1, "end": 9.0}]), Options())
    upload = PlayedUpload(HLS_AUDIO, None, bucket, "jobs/j/outputs/a", max_bytes=1)
    with pytest.raises(JobError) as caught:
        upload.close(plan)
    assert caught.value.code == "transcode_failed"


def test_nothing_but_a_file_is_uploaded(tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (tmp_path / "link").symlink_to("/proc/self/environ")
    os.link(tmp_path / "secret", tmp_path / "hard")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "folder").mkdir()
    for name in ("link", "hard", "fifo", "folder", "missing"):
        with pytest.raises(JobError) as caught:
            child_files.open_made(tmp_path / name)
        assert caught.value.code == "transcode_failed"
    (tmp_path / "made").write_text("made")
    with child_files.open_made(tmp_path / "made") as file:
        assert file.read() == b"made"


def test_a_folder_is_bounded_in_bytes_and_files(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"x" * 100_000)
    child_files.check_size(tmp_path, 200_000)
    with pytest.raises(JobError):
        child_files.check_size(tmp_path, 50_000)
    for number in range(child_files.MAX_FILES):
        (tmp_path / str(number)).touch()
    with pytest.raises(JobError):
        child_files.check_size(tmp_path, 200_000)
