"""How far ffmpeg is, and what that means for each of the named tasks that it does at once."""

import math
import re
import time
from collections.abc import Sequence

from mediajobs.media.ladder import KEYFRAME_SECONDS, TranscodePlan
from mediajobs.media.tasks import LAST_TASKS, TASK_OF_OUTPUT
from statemachine.tasks.played_upload import PlayedUpload

UPLOAD = LAST_TASKS["media"]
_OUT_TIME = re.compile(rb"out_time_us=([0-9]{1,18})\s*")
_LINE_BYTES = 1024  # of one report, at most


class Position:
    """Reads `ffmpeg -progress`, and what the decoder writes in the same form; `seconds` of media are done."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self._rest = b""

    def feed(self, data: bytes) -> None:
        *lines, rest = (self._rest + data).split(b"\n")
        self._rest = rest[-_LINE_BYTES:]
        for line in lines:
            if match := _OUT_TIME.fullmatch(line):  # N/A at first, below 0 in the first frames
                self.seconds = max(self.seconds, int(match[1]) / 1e6)


class Marks:
    """The highest percent of each task so far, and the wall seconds after which it was done."""

    def __init__(self) -> None:
        self.percent: dict[str, float] = {}
        self.seconds: dict[str, float] = {}
        self._started = time.monotonic()

    def raise_to(self, percent: dict[str, float]) -> None:
        for task, value in percent.items():
            self.percent[task] = max(self.percent.get(task, 0.0), value)
            if value >= 100:
                self.seconds.setdefault(task, round(time.monotonic() - self._started, 3))


def tasks_of(plan: TranscodePlan) -> list[str]:
    """The named tasks that one run does for this plan."""
    return list(dict.fromkeys(TASK_OF_OUTPUT[name] for name in plan.outputs))


def percents(plan: TranscodePlan, seconds: float, duration: float, uploads: Sequence[PlayedUpload]) -> dict[str, float]:
    """Percent by task, `seconds` into a source of `duration`. An upload counts as far as S3 has confirmed it."""
    share = min(1.0, seconds / duration)
    found = dict.fromkeys(tasks_of(plan), 100 * share)
    if plan.hls:
        expected = len(uploads) * math.ceil(duration / KEYFRAME_SECONDS)
        found[TASK_OF_OUTPUT["hls"]] = 100 * min(1.0, sum(upload.index.count for upload in uploads) / expected)
    produced = sum(upload.stream.size for upload in uploads)
    confirmed = sum(upload.stream.uploaded for upload in uploads)
    found[UPLOAD] = 100 * share * (confirmed / produced if produced else 0.0)
    return found
