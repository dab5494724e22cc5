"""What a terminal and a log show of a job."""

import io
import re
from typing import Any

import pytest
from rich.console import Console

from infra.cli.api.documents import Job
from infra.cli.terminal.durations import format_duration, format_remaining
from infra.cli.terminal.log_lines import LogLines
from infra.cli.terminal.progress_bars import ProgressBars

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture
def terminal() -> Console:
    return Console(file=io.StringIO(), force_terminal=True, width=80, height=40, highlight=False)


def shown(console: Console) -> list[str]:
    """The lines of the last picture."""
    assert isinstance(console.file, io.StringIO)
    return ESCAPES.sub("", console.file.getvalue()).replace("\r", "\n").rstrip().splitlines()


def test_a_bar_for_the_upload_each_task_and_the_whole_fits_80_columns(terminal: Console, states: Any) -> None:
    job = states("transcoding", 45, validate_video=("completed", 100), transcode_360p=("running", 50))
    job["progress"]["tasks"]["transcode_720p"] = {"status": "skipped", "note": "source is smaller than 720p"}
    job["progress"]["eta_range"] = [10, 20]

    with ProgressBars(terminal) as bars:
        bars.begin_transfer("upload", 3_000_000)
        bars.advance(1_000_000)
        bars.show(Job.read(job))

    picture = shown(terminal)[-7:]
    assert max(map(len, picture)) < 80
    assert [re.sub(r"[━╺╸ ]+", " ", line).strip() for line in picture] == [
        "✓ upload 33 % 1.0 MB of 3.0 MB",
        "✓ validate video 100 %",
        "▸ transcode 360p 50 %",
        "- transcode 720p source is smaller than 720p",
        "· transcribe video waiting",
        "· upload outputs waiting",
        "▸ transcoding 45 % 10 to 20 s left",
    ]


@pytest.mark.parametrize("width", [40, 50, 60])
def test_on_a_narrow_screen_the_bar_gives_way_and_not_the_percentage(width: int, states: Any) -> None:
    narrow = Console(file=io.StringIO(), force_terminal=True, width=width, height=40, highlight=False)
    job = states("transcoding", 45, validate_video=("completed", 100), transcode_360p=("running", 50))
    job["progress"]["tasks"] |= {
        "transcode_720p": {"status": "skipped", "note": "as asked"},
        "generate_thumbnail": {"status": "running", "progress": 7},  # the longest name
    }

    with ProgressBars(narrow) as bars:
        bars.show(Job.read(job))

    picture = shown(narrow)[-7:]
    assert max(map(len, picture)) < width
    assert [re.sub(r"[━╺╸ ]+", " ", line).strip() for line in picture] == [
        "✓ validate video 100 %",
        "▸ transcode 360p 50 %",
        "- transcode 720p as asked",
        "· transcribe video waiting",
        "· upload outputs waiting",
        "▸ generate thumbnail 7 %",
        "▸ transcoding 45 % 12 s left",
    ]


def test_how_long_a_job_took_is_told_by_who_looked_on(terminal: Console, states: Any) -> None:
    done = Job.read(states("completed", 100))
    with ProgressBars(terminal) as bars:
        bars.show(done)
    assert shown(terminal)[-1].rstrip().endswith("100 %")

    with ProgressBars(terminal) as bars:
        bars.show(Job.read(states("queued", 0)))
        bars.show(done)
    assert re.search(r"100 % in \d", shown(terminal)[-1])


def test_a_log_tells_only_what_is_new(states: Any) -> None:
    log = Console(file=io.StringIO(), width=80, highlight=False)
    running = Job.read(states("transcoding", 40, transcode_360p=("running", 50)))
    further = Job.read(states("transcoding", 41, transcode_360p=("running", 52)))
    done = Job.read(states("uploading", 90, transcode_360p=("completed", 100)))

    with LogLines(log) as lines:
        for job in (running, further, further, done):
            lines.show(job)

    assert [line.partition(" s  ")[2].strip() for line in shown(log)] == [
        "40 %  transcoding",
        "40 %  transcode 360p: running",
        "90 %  uploading",
        "90 %  transcode 360p: completed",
    ]


def test_a_log_is_not_silent_for_long_while_something_moves(states: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    log = Console(file=io.StringIO(), width=80, highlight=False)
    monkeypatch.setattr("infra.cli.terminal.log_lines.MAX_SILENCE_SECONDS", -1)

    with LogLines(log) as lines:
        lines.begin_transfer("upload", 3_000_000)
        lines.advance(1_000_000)
        for percent in (40, 50):
            lines.show(Job.read(states("transcoding", percent)))

    told = [line.partition(" s  ")[2].strip() for line in shown(log)]
    assert told == ["upload, 3.0 MB", "upload, 1.0 MB so far", "40 %  transcoding", "50 %  transcoding, 12 s left"]


def test_a_waiting_job_shows_its_place_and_a_finished_one_nothing(states: Any) -> None:
    waiting = states("queued", 0)
    waiting["progress"]["queue_position"] = 3

    assert format_remaining(Job.read(waiting)) == "place 3"
    assert format_remaining(Job.read(states("completed", 100))) == ""


@pytest.mark.parametrize(
    ("seconds", "words"), [(0.44, "0.4 s"), (9.96, "10 s"), (99.6, "1:40 min"), (200, "3:20 min"), (3725, "1:02 h")]
)
def test_durations_read_well(seconds: float, words: str) -> None:
    assert format_duration(seconds) == words
