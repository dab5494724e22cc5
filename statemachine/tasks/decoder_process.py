"""Starts the decoder: a child with limits that reads the source, because a source may be hostile."""

import contextlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from mediajobs.errors import JobError
from mediajobs.media.ladder import StoryboardPlan, TranscodePlan
from mediajobs.media.source import SourceFacts
from statemachine.tasks import limits, process_runner
from statemachine.tasks.process_runner import EXIT_NAMED_FAILURE, Child, ProcessFailed

SCAN, PICTURES, SAMPLES, DECODED = "scan", "pictures", "samples", "decoded"
_DECODERS = {SCAN, PICTURES, SAMPLES}


def scan(url: str, tick: Callable[[], None] = lambda: None) -> dict[str, Any]:
    """What the streams of a source hold: a `decoder.scan.Scan` as plain data. Raises JobError."""
    output = bytearray()
    request = {"command": SCAN, "url": url}
    child = Child(SCAN, lambda ends: _command(request | {"pipe": ends[SCAN]}), limits.SCAN, writes=(SCAN,))
    run([child], {SCAN: output.extend}, tick=tick, stall_seconds=limits.STALL_SECONDS)
    found: dict[str, Any] = json.loads(output)
    return found


def pictures(source: SourceFacts, plan: TranscodePlan, url: str, folder: Path) -> Child:
    """The child that decodes the video, once for everybody.

    It writes raw pictures into the pipe `pictures`, where there are renditions, thumbnail and storyboard into `folder`,
    and how far it is into the pipe `decoded`.
    """
    if source.video is None or plan.frame_rate is None:
        raise ValueError("the source has no video")
    request = _request(PICTURES, source, source.video.index, source.video.end, url) | {
        "rate": plan.frame_rate.as_integer_ratio(),
        "size": (plan.picture.width, plan.picture.height),
        "find_combing": source.video.interlaced,
        "folder": str(folder),
        "thumbnail": plan.thumbnail and (plan.thumbnail.width, plan.thumbnail.height),
        "storyboard": plan.storyboard and _drawing(plan.storyboard),
    }
    return Child(
        PICTURES,
        lambda ends: _command(request | {"pipe": ends.get(PICTURES), "position": ends[DECODED]}),
        limits.for_media(source.duration_seconds),
        writes=(DECODED, PICTURES) if plan.renditions else (DECODED,),
    )


def samples(source: SourceFacts, url: str, *, rate: int, channels: int, sample_format: str) -> Child:
    """The child that writes interleaved samples into the pipe `samples`."""
    if source.audio is None:
        raise ValueError("the source has no audio")
    request = _request(SAMPLES, source, source.audio.index, source.audio.end, url)
    request |= {"rate": rate, "channels": channels, "sample_format": sample_format}
    limit = limits.for_media(source.duration_seconds)
    return Child(SAMPLES, lambda ends: _command(request | {"pipe": ends[SAMPLES]}), limit, writes=(SAMPLES,))


def run(children: Sequence[Child], readers: Mapping[str, process_runner.Reader], **options: Any) -> None:
    """As `process_runner.run`. What a decoder has named, and a decoder that was ended, are raised as JobError."""
    try:
        process_runner.run(children, readers, **options)
    except ProcessFailed as failure:
        if failure.child not in _DECODERS:
            raise
        raise _named(failure) from failure


def _drawing(storyboard: StoryboardPlan) -> dict[str, Any]:
    return {
        "tile": (storyboard.tile.width, storyboard.tile.height),
        "columns": storyboard.columns,
        "rows": storyboard.rows,
        "interval": storyboard.interval,
    }


def _request(command: str, source: SourceFacts, stream: int, end: float | None, url: str) -> dict[str, Any]:
    return {
        "command": command,
        "url": url,
        "stream": stream,
        "jumps": source.jumps > 0,
        "start": source.start_time,
        "duration": source.duration_seconds,
        "end": end or 0.0,
    }


def _command(request: Mapping[str, Any]) -> list[str]:
    request = {"read_seconds": limits.READ_SECONDS, **request}
    return [sys.executable, "-m", "statemachine.tasks.decoder", json.dumps(request)]


def _named(failure: ProcessFailed) -> JobError:
    if failure.returncode == EXIT_NAMED_FAILURE:
        with contextlib.suppress(ValueError, KeyError, IndexError):
            named = json.loads(failure.stderr.splitlines()[-1])
            return JobError(named["code"], named["message"], retryable=named["retryable"])
    if failure.returncode < 0:
        reason = f"reading the source was ended by signal {-failure.returncode}, maybe for want of memory; retry"
        return JobError("probe_killed" if failure.child == SCAN else "ffmpeg_killed", reason, retryable=True)
    lines = failure.stderr.splitlines() or [f"exit code {failure.returncode}"]
    return JobError("undecodable", f"the file could not be decoded ({lines[-1][:200]}); export it again")
