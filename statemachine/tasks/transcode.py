"""Runs ffmpeg once to make all outputs of a plan, and turns its failures into named errors."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from mediajobs.errors import JobError
from mediajobs.media.ladder import TranscodePlan
from mediajobs.media.source import SourceFacts
from statemachine.tasks import ffmpeg_command, limits, process_runner
from statemachine.tasks.ffprobe import is_storage_error
from statemachine.tasks.position import Position
from statemachine.tasks.rendition_upload import RenditionUpload
from statemachine.tasks.stream_facts import has_estimated_duration

EXIT_CPU_LIMIT = 255  # ffmpeg's exit code when its CPU time is used up
# How much shorter than its source an output may be and still count as complete.
TOLERANCE_SECONDS, TOLERANCE_SHARE = 1.0, 0.02


def transcode(
    source: SourceFacts,
    plan: TranscodePlan,
    url: str,
    folder: Path,
    uploads: Sequence[RenditionUpload],
    on_position: Callable[[float], None],
) -> None:
    """Renditions go to their uploads, other outputs to `folder`. `on_position` gets seconds of media, every 0.2 s."""
    position = Position()
    try:
        process_runner.run(
            lambda pipes: ffmpeg_command.command(source, plan, url, pipes, folder),
            {ffmpeg_command.PROGRESS: position.feed} | {upload.rendition.name: upload.write for upload in uploads},
            limits=limits.for_ffmpeg(source.duration_seconds),
            tick=lambda: on_position(position.seconds),
            stall_seconds=limits.STALL_SECONDS,
        )
    except process_runner.ProcessFailed as failure:
        raise _job_error(failure) from failure
    on_position(position.seconds)
    _check_complete(source, uploads, position.seconds)


def _check_complete(source: SourceFacts, uploads: Sequence[RenditionUpload], seconds: float) -> None:
    """To ffmpeg a broken connection looks like the end of the source: it ends too early, and with exit code 0."""
    duration = source.duration_seconds
    short = seconds < duration * (1 - TOLERANCE_SHARE) - TOLERANCE_SECONDS and not has_estimated_duration(
        source.container
    )
    if short or any(not upload.index.count for upload in uploads):
        raise JobError(
            "incomplete_output",
            f"only {seconds:.1f} of {duration:.1f} s could be read; retry, or export the file anew",
            retryable=True,
        )


def _job_error(failure: process_runner.ProcessFailed) -> JobError:
    if failure.returncode < 0:
        reason = f"ffmpeg was ended by signal {-failure.returncode}, maybe for want of memory; retry the job"
        return JobError("ffmpeg_killed", reason, retryable=True)
    if failure.returncode == EXIT_CPU_LIMIT:
        return JobError("too_expensive", "the source takes too much computing; upload a smaller version")
    if is_storage_error(failure.stderr):
        return JobError(
            "source_unavailable", "the source could not be read from storage; retry the job", retryable=True
        )
    return JobError(
        "transcode_failed", f"ffmpeg could not transcode the file ({_last_error_line(failure)}); export it anew"
    )


def _last_error_line(failure: process_runner.ProcessFailed) -> str:
    """The last line of ffmpeg's stderr that is no repetition notice, without memory addresses."""
    lines = [line for line in failure.stderr.splitlines() if "Last message repeated" not in line]
    return re.sub(r"\[(\w+) @ 0x[0-9a-f]+\] ?", r"\1: ", lines[-1]) if lines else f"exit code {failure.returncode}"
