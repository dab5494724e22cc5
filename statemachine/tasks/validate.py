"""The task validate_video: stores the source, then checks it and reads its facts."""

from collections.abc import Callable
from itertools import count
from typing import Any

from mediajobs.errors import JobError
from mediajobs.media.source import SourceFacts
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.streaming_upload_client import StoredObject
from statemachine.tasks import ffprobe, file_signature, limits, store_source, stream_facts
from statemachine.tasks.context import TaskContext

TASK = "validate_video"
CHECK_COUNT = 5
TAIL_SECONDS = 10
# How much earlier than stated a stream may end, because of rounding and of a last frame without a duration.
TOLERANCE_SECONDS, TOLERANCE_SHARE = 0.5, 0.005


def run(context: TaskContext) -> SourceFacts:
    """Stores and validates the source. Raises JobError, whose code names what is wrong with the file, and Stopped."""
    stored = store_source.store(context)
    numbers = count(1)

    def check_passed() -> None:
        context.reporter.update(**{TASK: 100 * next(numbers) / CHECK_COUNT})

    try:
        facts = _examine(context.bucket, stored, check_passed)
    except JobError as error:
        error.task = TASK
        raise
    context.reporter.finish(TASK)
    return facts


def _examine(bucket: MediaBucket, stored: StoredObject, check_passed: Callable[[], None]) -> SourceFacts:
    file_signature.check(bucket.read_range(stored.key, 0, limits.SIGNATURE_BYTES))
    check_passed()
    url = bucket.presigned_get(stored.key, expires=limits.SOURCE_URL_SECONDS)
    probed = ffprobe.container_and_streams(url)
    check_passed()
    facts = _facts(probed, stored, url)
    check_passed()
    _check_decoding(facts, url)
    check_passed()
    _check_end(probed, facts, url)
    check_passed()
    return facts


def _facts(probed: dict[str, Any], stored: StoredObject, url: str) -> SourceFacts:
    """The facts from the output of ffprobe. Raises JobError over the limits on streams, pixels and duration."""
    if len(probed["streams"]) > limits.MAX_STREAMS:
        raise JobError("too_many_streams", f"more than {limits.MAX_STREAMS} streams; remove those that are not needed")
    video, audio = stream_facts.video_facts(probed["streams"]), stream_facts.audio_facts(probed["streams"])
    if video is None and audio is None:
        raise JobError("no_streams", f"there is neither video nor audio in the file; {file_signature.SUPPORTED_FILES}")
    if video is not None and video.width * video.height > limits.MAX_PIXELS:
        raise JobError(
            "too_large_picture", f"{video.width}x{video.height} is more than 8192x4320 pixels; upload a smaller version"
        )
    facts = SourceFacts(
        container=probed["format"]["format_name"],
        duration_seconds=_duration(probed, {stream.index for stream in (video, audio) if stream}, url),
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
        video=video,
        audio=audio,
    )
    if facts.duration_seconds > limits.MAX_DURATION_SECONDS:
        hours = limits.MAX_DURATION_SECONDS // 3600
        raise JobError("too_long", f"{facts.duration_seconds:.0f} s is longer than {hours} hours; split the file")
    return facts


def _duration(probed: dict[str, Any], indexes: set[int], url: str) -> float:
    """Seconds: of the used streams where they state it, else of the container, else by reading the whole file."""
    start = _start_time(probed)
    duration = float(probed["format"].get("duration", 0))
    if (end := _stated_end(probed, indexes)) is not None and end > start:
        duration = min(duration or end - start, end - start)
    if duration <= 0:
        duration = ffprobe.end_time(url, indexes) - start
    if duration <= 0:
        raise JobError("empty_media", "the file holds no audio or video of any length; upload the whole file")
    return round(duration, 3)


def _start_time(probed: dict[str, Any]) -> float:
    return float(probed["format"].get("start_time", 0))


def _stated_end(probed: dict[str, Any], indexes: set[int]) -> float | None:
    """The latest end of these streams, None where one of them states none."""
    ends = [stream_facts.stated_end(stream) for stream in probed["streams"] if stream["index"] in indexes]
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def _check_decoding(facts: SourceFacts, url: str) -> None:
    for stream in (facts.video, facts.audio):
        if stream is not None and not ffprobe.can_decode(url, stream.index):
            raise JobError(
                "undecodable", f"the {stream.codec} stream cannot be decoded: it is damaged, encrypted or of a kind "
                "that is not supported; export the file again"
            )  # fmt: skip


def _check_end(probed: dict[str, Any], facts: SourceFacts, url: str) -> None:
    """Checks that the media reaches its stated end: by its tail, or by the whole file where that cannot be sought."""
    if stream_facts.has_estimated_duration(facts.container):
        return
    start, stated = _start_time(probed), facts.duration_seconds
    needed = stated - TOLERANCE_SECONDS - TOLERANCE_SHARE * stated
    end = ffprobe.end_time(url, _indexes(facts), start=max(0.0, start + stated - TAIL_SECONDS)) - start
    if end < needed:
        end = ffprobe.end_time(url, _indexes(facts)) - start
    if end < needed:
        raise JobError(
            "truncated_source", f"the file says that it lasts {stated:.1f} s but ends after {max(0.0, end):.1f} s; "
            "upload the whole file"
        )  # fmt: skip


def _indexes(facts: SourceFacts) -> set[int]:
    return {stream.index for stream in (facts.video, facts.audio) if stream is not None}
