"""Decodes a source once, and encodes all outputs of a plan, by children that run side by side."""

import re
from collections.abc import Callable, Sequence
from pathlib import Path

from mediajobs.errors import JobError
from mediajobs.media.ladder import TranscodePlan
from mediajobs.media.source import SourceFacts
from statemachine.tasks import child_files, decoder_process, ffmpeg_command, limits
from statemachine.tasks.decoder_process import DECODED
from statemachine.tasks.ffmpeg_command import PROGRESS
from statemachine.tasks.played_upload import PlayedUpload
from statemachine.tasks.position import Position
from statemachine.tasks.process_runner import Child, ProcessFailed
from statemachine.tasks.sandbox import Sandbox
from statemachine.tasks.source_server import StoredSource

ENCODER = "ffmpeg"
EXIT_CPU_LIMIT = 255  # ffmpeg's exit code when its CPU time is used up


def transcode(
    facts: SourceFacts,
    plan: TranscodePlan,
    source: StoredSource,
    folder: Path,
    uploads: Sequence[PlayedUpload],
    on_position: Callable[[float], None],
) -> None:
    """What is played goes to its uploads, the rest to `folder`. `on_position` gets seconds of media, every 0.2 s."""
    decoded, encoded = Position(), Position()

    def tick() -> None:
        child_files.check_size(folder, limits.folder_bytes(facts.duration_seconds))
        on_position((encoded if ffmpeg_command.is_needed(plan) else decoded).seconds)

    try:
        decoder_process.run(
            _children(facts, plan, source, folder),
            {DECODED: decoded.feed, PROGRESS: encoded.feed} | {upload.name: upload.write for upload in uploads},
            tick=tick,
            activity=lambda: (decoded.seconds, encoded.seconds, [upload.stream.size for upload in uploads]),
            stall_seconds=limits.STALL_SECONDS,
            deadline_seconds=limits.media_seconds(facts.duration_seconds),
        )
    except ProcessFailed as failure:
        raise _job_error(failure) from failure
    on_position(facts.duration_seconds)


def _children(facts: SourceFacts, plan: TranscodePlan, source: StoredSource, folder: Path) -> list[Child]:
    """The decoders of video and audio, each with its own reads of the source, and the encoder that reads them."""
    children = []
    if plan.frame_rate and (plan.renditions or plan.thumbnail or plan.storyboard):
        children.append(decoder_process.pictures(facts, plan, source, folder))
    if ffmpeg_command.needs_samples(plan) and plan.audio_encoding:
        children.append(
            decoder_process.samples(
                facts,
                source,
                rate=ffmpeg_command.SAMPLE_RATE,
                channels=plan.audio_encoding.channels,
                sample_format=ffmpeg_command.SAMPLE_FORMAT,
            )
        )
    if ffmpeg_command.is_needed(plan):
        reads = tuple(name for child in children for name in child.writes if name != DECODED)
        children.append(
            Child(
                ENCODER,
                lambda pipes: ffmpeg_command.command(plan, pipes, folder),
                Sandbox(limits.for_media(facts.duration_seconds), folder),
                writes=(PROGRESS, *ffmpeg_command.played(plan)),
                reads=reads,
            )
        )
    return children


def _job_error(failure: ProcessFailed) -> JobError:
    if failure.returncode < 0:
        reason = f"{failure.child} was ended by signal {-failure.returncode}, maybe for want of memory; retry the job"
        return JobError("ffmpeg_killed", reason, retryable=True)
    if failure.child == ENCODER and failure.returncode == EXIT_CPU_LIMIT:
        return JobError("too_expensive", "the source takes too much computing; upload a smaller version")
    return JobError(
        "transcode_failed", f"ffmpeg could not transcode the file ({_last_error_line(failure)}); export it anew"
    )


def _last_error_line(failure: ProcessFailed) -> str:
    """The last line of the child's stderr that is no repetition notice, without memory addresses."""
    lines = [line for line in failure.stderr.splitlines() if "Last message repeated" not in line]
    return re.sub(r"\[(\w+) @ 0x[0-9a-f]+\] ?", r"\1: ", lines[-1]) if lines else f"exit code {failure.returncode}"
