"""One run of ffmpeg that makes all outputs of a plan, and the names of what can go wrong with it."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from mediajobs.errors import JobError
from mediajobs.media.ladder import TranscodePlan
from mediajobs.media.source import SourceFacts
from statemachine.tasks import graph, limits, runner
from statemachine.tasks.position import Position
from statemachine.tasks.probe import is_unreachable
from statemachine.tasks.rendition import Upload
from statemachine.tasks.streams import is_guessed

CUT_OFF = 255  # ffmpeg ends itself with this when its CPU time is used up
# How much shorter than its source an output may be before it counts as cut off.
SLACK_SECONDS, SLACK_SHARE = 1.0, 0.02


def transcode(
    source: SourceFacts,
    plan: TranscodePlan,
    url: str,
    folder: Path,
    uploads: Sequence[Upload],
    on_position: Callable[[float], None],
) -> None:
    """Renditions go to their uploads, other outputs to the folder; `on_position` gets seconds of media, often."""
    position = Position()
    try:
        runner.run(
            lambda pipes: graph.command(source, plan, url, pipes, folder),
            {graph.PROGRESS: position.feed} | {upload.rendition.name: upload.write for upload in uploads},
            limits=limits.transcode(source.duration_seconds),
            tick=lambda: on_position(position.seconds),
            stall_seconds=limits.STALL_SECONDS,
        )
    except runner.Failed as failure:
        raise _named(failure) from failure
    on_position(position.seconds)
    _check_whole(source, uploads, position.seconds)


def _check_whole(source: SourceFacts, uploads: Sequence[Upload], seconds: float) -> None:
    """A broken connection looks like the end of the source to ffmpeg: it ends early, and with success."""
    duration = source.duration_seconds
    short = seconds < duration * (1 - SLACK_SHARE) - SLACK_SECONDS and not is_guessed(source.container)
    if short or any(not upload.index.count for upload in uploads):
        raise JobError(
            "incomplete_output",
            f"only {seconds:.1f} of {duration:.1f} s could be read; retry, or export the file anew",
            retryable=True,
        )


def _named(failure: runner.Failed) -> JobError:
    if failure.returncode < 0:
        reason = f"ffmpeg was ended by signal {-failure.returncode}, maybe for want of memory; retry the job"
        return JobError("ffmpeg_killed", reason, retryable=True)
    if failure.returncode == CUT_OFF:
        return JobError("too_expensive", "the source takes too much computing; upload a smaller version")
    if is_unreachable(failure.stderr):
        return JobError(
            "source_unavailable", "the source could not be read from storage; retry the job", retryable=True
        )
    return JobError("transcode_failed", f"ffmpeg could not transcode the file ({_last_words(failure)}); export it anew")


def _last_words(failure: runner.Failed) -> str:
    """ffmpeg's last line that says something, without the addresses of its objects."""
    lines = [line for line in failure.stderr.splitlines() if "Last message repeated" not in line]
    return re.sub(r"\[(\w+) @ 0x[0-9a-f]+\] ?", r"\1: ", lines[-1]) if lines else f"exit code {failure.returncode}"
