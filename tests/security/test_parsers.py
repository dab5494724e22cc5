"""What reads a stranger's bytes in the task itself: it takes each byte once, and fails by name."""

import json
import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mediajobs.errors import JobError
from mediajobs.media.fragment_index import MAX_FRAGMENTS, FragmentIndex
from statemachine.tasks import child_files, decoder_process, file_signature
from statemachine.tasks.decoder.scan import seconds_of
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


@given(st.binary(max_size=200) | st.recursive(st.none() | st.floats() | st.text(max_size=5), st.lists).map(
    lambda value: json.dumps(value).encode()))  # fmt: skip
@example(b'{"container": "x", "stated_duration": "1e999", "jumps": 0, "is_cut": false, "streams": []}')
@example(b'{"container": "x", "stated_duration": NaN, "jumps": 0, "is_cut": false, "streams": []}')
@example(b"[" * 100_000)
def test_any_answer_of_a_decoder_is_parsed_or_refused(output: bytes) -> None:
    assert code_of(lambda: decoder_process._parsed(output)) in {None, "undecodable"}


@given(st.integers(-64, 255), st.text(max_size=200) | st.sampled_from(HOSTILE_FAILURES))
def test_any_failure_of_a_decoder_has_a_name(returncode: int, stderr: str) -> None:
    error = decoder_process._named(ProcessFailed("scan", returncode, stderr))
    assert len(error.code) <= 64
    assert len(error.message) <= 600


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
