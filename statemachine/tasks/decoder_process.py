"""Starts the decoder: a confined child that reads the source, because a source may be hostile."""

import contextlib
import json
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from mediajobs.errors import JobError
from mediajobs.media.ladder import StoryboardPlan, TranscodePlan
from mediajobs.media.source import SourceFacts
from statemachine.tasks import child_exit_codes, limits, process_runner
from statemachine.tasks.decoder.scan_result import Scan
from statemachine.tasks.file_signature import SUPPORTED_FILES
from statemachine.tasks.process_runner import Child, ProcessFailed
from statemachine.tasks.sandbox import Sandbox
from statemachine.tasks.source_server import StoredSource

SCAN, PICTURES, SAMPLES, DECODED, SOURCE = "scan", "pictures", "samples", "decoded", "source"
_DECODERS = {SCAN, PICTURES, SAMPLES}
_SCAN = TypeAdapter(Scan)


def scan(source: StoredSource, tick: Callable[[], None] = lambda: None) -> Scan:
    """What the streams of a source hold. Raises JobError."""
    output = bytearray()
    sandbox = Sandbox(limits.SCAN, enters_itself=True)
    child = _child({"command": SCAN}, source, sandbox, lambda ends: {"pipe": ends[SCAN]}, writes=(SCAN,))
    seconds = limits.scan_seconds(source.size)
    read = _bounded(output, limits.SCAN_BYTES)
    run([child], {SCAN: read}, tick=tick, stall_seconds=limits.STALL_SECONDS, deadline_seconds=seconds)
    return _parsed(output)


def pictures(facts: SourceFacts, plan: TranscodePlan, source: StoredSource, folder: Path) -> Child:
    """The child that decodes the video, once for everybody.

    It writes raw pictures into the pipe `pictures`, where there are renditions, thumbnail and storyboard into `folder`,
    and how far it is into the pipe `decoded`.
    """
    if facts.video is None or plan.frame_rate is None:
        raise ValueError("the source has no video")
    request = _request(PICTURES, facts, facts.video.index, facts.video.end) | {
        "rate": plan.frame_rate.as_integer_ratio(),
        "size": (plan.picture.width, plan.picture.height),
        "find_combing": facts.video.interlaced,
        "folder": str(folder),
        "thumbnail": plan.thumbnail and (plan.thumbnail.width, plan.thumbnail.height),
        "storyboard": plan.storyboard and _drawing(plan.storyboard),
    }
    return _child(
        request,
        source,
        Sandbox(limits.for_media(facts.duration_seconds), folder, enters_itself=True),
        lambda ends: {"pipe": ends.get(PICTURES), "position": ends[DECODED]},
        writes=(DECODED, PICTURES) if plan.renditions else (DECODED,),
    )


def samples(facts: SourceFacts, source: StoredSource, *, rate: int, channels: int, sample_format: str) -> Child:
    """The child that writes interleaved samples into the pipe `samples`."""
    if facts.audio is None:
        raise ValueError("the source has no audio")
    request = _request(SAMPLES, facts, facts.audio.index, facts.audio.end)
    request |= {"rate": rate, "channels": channels, "sample_format": sample_format}
    sandbox = Sandbox(limits.for_media(facts.duration_seconds), enters_itself=True)
    return _child(request, source, sandbox, lambda ends: {"pipe": ends[SAMPLES]}, writes=(SAMPLES,))


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


def _request(command: str, facts: SourceFacts, stream: int, end: float | None) -> dict[str, Any]:
    return {
        "command": command,
        "stream": stream,
        "jumps": facts.jumps > 0,
        "start": facts.start_time,
        "duration": facts.duration_seconds,
        "end": end or 0.0,
    }


def _child(
    request: Mapping[str, Any],
    source: StoredSource,
    sandbox: Sandbox,
    pipes: Callable[[Mapping[str, int]], dict[str, int | None]],
    *,
    writes: tuple[str, ...],
) -> Child:
    """A decoder that gets the request, and the descriptors of its pipes under the names that `pipes` gives them."""

    def build(ends: Mapping[str, int]) -> list[str]:
        whole = {**request, **pipes(ends), "socket": ends[SOURCE], "size_bytes": source.size}
        return [sys.executable, "-m", "statemachine.tasks.decoder", json.dumps(whole)]

    return Child(request["command"], build, sandbox, writes=writes, asks={SOURCE: source.serve})


def _bounded(output: bytearray, size: int) -> process_runner.Reader:
    def read(data: bytes) -> None:
        if len(output) + len(data) > size:
            raise JobError("not_media", f"the file tells more about itself than {size} bytes; {SUPPORTED_FILES}")
        output.extend(data)

    return read


def _parsed(output: bytes | bytearray) -> Scan:
    """A decoder that a source has taken over may have written anything."""
    try:
        return _SCAN.validate_json(bytes(output))
    except ValueError as error:
        raise JobError("undecodable", f"the file could not be read; {SUPPORTED_FILES}") from error


def _named(failure: ProcessFailed) -> JobError:
    if failure.returncode == child_exit_codes.NAMED_FAILURE:
        with contextlib.suppress(ValueError, KeyError, IndexError, TypeError):
            named = json.loads(failure.stderr.splitlines()[-1])
            return JobError(str(named["code"])[:64], str(named["message"])[:500], retryable=bool(named["retryable"]))
    if failure.returncode < 0:
        reason = f"reading the source was ended by signal {-failure.returncode}, maybe for want of memory; retry"
        return JobError("probe_killed" if failure.child == SCAN else "ffmpeg_killed", reason, retryable=True)
    lines = failure.stderr.splitlines() or [f"exit code {failure.returncode}"]
    return JobError("undecodable", f"the file could not be decoded ({lines[-1][:200]}); export it again")
