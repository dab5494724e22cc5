"""The task validate_video: stores the source, then reads all of it once and states its facts."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from mediajobs.errors import JobError
from mediajobs.media.manifests import JobWarning
from mediajobs.media.source import SourceFacts
from mediajobs.storage.streaming_upload_client import StoredObject
from statemachine.tasks import decoder_process, file_signature, limits, store_source, stream_facts
from statemachine.tasks.context import TaskContext
from statemachine.tasks.decoder.scan_result import Scan
from statemachine.tasks.source_server import StoredSource
from statemachine.tasks.stream_facts import Stream

TASK = "validate_video"
CHECK_COUNT = 4
# How much earlier than stated the media may end, because of rounding and of a last frame without a duration.
TOLERANCE_SECONDS, TOLERANCE_SHARE = 0.5, 0.005
_GAP_SECONDS = 1.0  # from which on a part without picture or sound is told
# Containers whose duration is an estimate, by bitrate or by the last timestamp.
_ESTIMATING_CONTAINERS = {
    "mp3", "aac", "ac3", "eac3", "dts", "amr", "mpegts", "mpeg", "mpegvideo", "h264", "hevc", "m4v", "loas", "flv",
}  # fmt: skip
_MATROSKA = "matroska"


@dataclass(frozen=True)
class Validation:
    """A source that can be used, and what is odd about it."""

    source: SourceFacts
    warnings: list[JobWarning] = field(default_factory=list)


def run(context: TaskContext) -> Validation:
    """Stores and validates the source. Raises JobError, whose code names what is wrong with the file, and Stopped."""
    stored = store_source.store(context)
    try:
        validation = _examine(context, stored)
    except JobError as error:
        error.task = TASK
        raise
    context.reporter.finish(TASK)
    return validation


def _examine(context: TaskContext, stored: StoredObject) -> Validation:
    def passed(checks: int) -> None:
        context.reporter.update(**{TASK: 100 * checks / CHECK_COUNT})

    source = StoredSource.of(context.bucket, stored.key)
    passed(1)
    scan = decoder_process.scan(source, tick=lambda: passed(1))  # raises Stopped where the job is cancelled meanwhile
    passed(2)
    validation = facts_of(scan, stored, chosen=lambda: passed(3))
    passed(4)
    return validation


def facts_of(scan: Scan, stored: StoredObject, *, chosen: Callable[[], None] = lambda: None) -> Validation:
    """What a scan says of a source; `chosen` is called in between. Raises JobError where it cannot be transcoded."""
    found = asdict(scan)
    try:
        taken = _chosen(found["streams"])
        chosen()
        return _validation(found, taken, stored)
    except ArithmeticError as error:  # a rate that no number can hold: no medium has such times
        raise JobError("undecodable", f"the file could not be read; {file_signature.SUPPORTED_FILES}") from error


def _chosen(streams: Sequence[Stream]) -> list[Stream]:
    """The best video stream and the best audio stream. Raises JobError where none can be decoded, and over a limit."""
    if len(streams) > limits.MAX_STREAMS:
        raise JobError(
            "too_many_streams",
            f"more than {limits.MAX_STREAMS} audio and video streams; remove those that are not needed",
        )
    candidates = [stream_facts.video_streams(streams)[:1], stream_facts.audio_streams(streams)[:1]]
    best = [stream for kind in candidates for stream in kind]
    taken = [stream for stream in best if stream["decodes"]]
    if not best:
        raise JobError("no_streams", f"there is neither video nor audio in the file; {file_signature.SUPPORTED_FILES}")
    if any(stream["width"] * stream["height"] > limits.MAX_PIXELS for stream in best):
        raise JobError(
            "too_large_picture",
            f"a picture of more than {limits.MAX_PIXELS} pixels (8192x4320); upload a smaller version",
        )
    if any(stream["decodes"] and 0 < stream["sample_rate"] < limits.MIN_SAMPLE_RATE for stream in best):
        message = f"the sound has fewer than {limits.MIN_SAMPLE_RATE} samples a second; export the file again"
        raise JobError("unsupported_sample_rate", message)
    if not any(stream["packets"] for stream in best):
        raise JobError("empty_media", "the file holds no audio or video of any length; upload the whole file")
    if not taken or (best[0]["kind"] == "video" and best[0]["packets"] and not best[0]["decodes"]):
        raise JobError(
            "undecodable", f"the {best[0]['codec']} stream cannot be decoded: it is damaged, encrypted or of a kind "
            "that is not supported; export the file again"
        )  # fmt: skip
    return taken


def _validation(found: dict[str, Any], taken: Sequence[Stream], stored: StoredObject) -> Validation:
    """Raises JobError over the limit on the duration, and where the file ends before its media does."""
    start = min(stream["start"] or 0.0 for stream in taken)
    measured = max(stream["end"] for stream in taken) - start
    duration = _duration(found, taken, start, measured)
    _check_duration(duration)
    video = next((stream_facts.video_facts(stream, start) for stream in taken if stream["kind"] == "video"), None)
    audio = next((stream_facts.audio_facts(stream, start) for stream in taken if stream["kind"] == "audio"), None)
    facts = SourceFacts(
        container=found["container"],
        duration_seconds=round(duration, 3),
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
        video=video,
        audio=audio,
        start_time=round(start, 6),
        jumps=found["jumps"],
        languages=stream_facts.languages(found["streams"]),
    )
    return Validation(facts, [*stream_facts.warnings(found["streams"], taken), *_warnings(found, facts)])


def _duration(found: dict[str, Any], taken: Sequence[Stream], start: float, measured: float) -> float:
    """Seconds. What was read counts, but for a last picture that Matroska says is held.

    Raises JobError where the container says that there is more.
    """
    if not _estimates(found["container"]) and not found["jumps"]:
        ends = [stream["stated_end"] for stream in taken]
        stated = max(end for end in ends if end is not None) - start if None not in ends else found["stated_duration"]
        needed = (stated or 0.0) * (1 - TOLERANCE_SHARE) - TOLERANCE_SECONDS
        if measured < needed and (found["is_cut"] or _MATROSKA not in found["container"]):
            raise JobError(
                "truncated_source", f"the file says that it lasts {stated:.1f} s but ends after {measured:.1f} s; "
                "upload the whole file"
            )  # fmt: skip
        if measured < needed:
            return float(stated or measured)
    if measured <= 0:
        raise JobError("empty_media", "the file holds no audio or video of any length; upload the whole file")
    return measured


def _estimates(container: str) -> bool:
    return not _ESTIMATING_CONTAINERS.isdisjoint(container.split(","))


def _check_duration(seconds: float) -> None:
    if seconds > limits.MAX_DURATION_SECONDS:
        hours = limits.MAX_DURATION_SECONDS // 3600
        raise JobError("too_long", f"{seconds:.0f} s is longer than {hours} hours; split the file")


def _warnings(found: dict[str, Any], facts: SourceFacts) -> list[JobWarning]:
    warnings = []
    if found["jumps"]:
        message = f"the file's timestamps jump {found['jumps']} times; its parts follow each other without a break"
        warnings.append(JobWarning(code="timestamps_mended", message=message))
    stated = found["stated_duration"]
    if stated and abs(stated - facts.duration_seconds) > max(_GAP_SECONDS, TOLERANCE_SHARE * facts.duration_seconds):
        message = f"the file says that it lasts {stated:.1f} s; it lasts {facts.duration_seconds:.1f} s"
        warnings.append(JobWarning(code="duration_guessed", message=message))
    if facts.video and facts.audio:
        for name, end in (("picture", facts.video.end), ("sound", facts.audio.end)):
            if end is not None and facts.duration_seconds - end > _GAP_SECONDS:
                filled = "the last one is held" if name == "picture" else "silence follows"
                message = f"the {name} ends at {end:.1f} of {facts.duration_seconds:.1f} s; {filled}"
                warnings.append(JobWarning(code="gap_filled", message=message))
    return warnings
