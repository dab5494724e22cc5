"""The first task: brings the source in, and says what it is or why it cannot be taken."""

from collections.abc import Callable
from itertools import count
from typing import Any

from mediajobs.errors import JobError
from mediajobs.media.source import SourceFacts
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.streaming_upload_client import Stored
from statemachine.tasks import limits, probe, sniff, source, streams
from statemachine.tasks.context import Context

TASK = "validate_video"
CHECKS = 5
TAIL_SECONDS = 10
# How much earlier than stated a stream may end: rounding, and a last frame without a duration.
SLACK_SECONDS, SLACK_SHARE = 0.5, 0.005


def run(context: Context) -> SourceFacts:
    """Store and validate. Raises JobError whose code names what is wrong with the file."""
    stored = source.store(context)
    numbers = count(1)

    def passed() -> None:
        context.reporter.update(**{TASK: 100 * next(numbers) / CHECKS})

    try:
        facts = _examine(context.objects, stored, passed)
    except JobError as error:
        error.task = TASK
        raise
    context.reporter.finish(TASK)
    return facts


def _examine(objects: MediaBucket, stored: Stored, passed: Callable[[], None]) -> SourceFacts:
    sniff.refuse(objects.read_range(stored.key, 0, limits.SNIFFED_BYTES))
    passed()
    url = objects.presigned_get(stored.key, expires=limits.URL_SECONDS)
    found = probe.inspect(url)
    passed()
    facts = _facts(found, stored, url)
    passed()
    _check_decoding(facts, url)
    passed()
    _check_end(found, facts, url)
    passed()
    return facts


def _facts(found: dict[str, Any], stored: Stored, url: str) -> SourceFacts:
    """What ffprobe found, within the limits on streams, pixels and duration."""
    if len(found["streams"]) > limits.MAX_STREAMS:
        raise JobError("too_many_streams", f"more than {limits.MAX_STREAMS} streams; remove those that are not needed")
    video, audio = streams.video_facts(found["streams"]), streams.audio_facts(found["streams"])
    if video is None and audio is None:
        raise JobError("no_streams", f"there is neither video nor audio in the file; {sniff.CURE}")
    if video is not None and video.width * video.height > limits.MAX_PIXELS:
        raise JobError(
            "too_large_picture", f"{video.width}x{video.height} is more than 8192x4320 pixels; upload a smaller version"
        )
    facts = SourceFacts(
        container=found["format"]["format_name"],
        duration_seconds=_duration(found, {stream.index for stream in (video, audio) if stream}, url),
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
        video=video,
        audio=audio,
    )
    if facts.duration_seconds > limits.MAX_DURATION_SECONDS:
        hours = limits.MAX_DURATION_SECONDS // 3600
        raise JobError("too_long", f"{facts.duration_seconds:.0f} s is longer than {hours} hours; split the file")
    return facts


def _duration(found: dict[str, Any], indexes: set[int], url: str) -> float:
    """Of the streams that are used, where they state it, else of the container; without either all of it is read."""
    begin = _begin(found)
    duration = float(found["format"].get("duration", 0))
    if (end := _stated_end(found, indexes)) is not None and end > begin:
        duration = min(duration or end - begin, end - begin)
    if duration <= 0:
        duration = probe.end_time(url, indexes) - begin
    if duration <= 0:
        raise JobError("empty_media", "the file holds no audio or video of any length; upload the whole file")
    return round(duration, 3)


def _begin(found: dict[str, Any]) -> float:
    return float(found["format"].get("start_time", 0))


def _stated_end(found: dict[str, Any], indexes: set[int]) -> float | None:
    """The latest end among these streams, None where one of them states none."""
    ends = [streams.stated_end(stream) for stream in found["streams"] if stream["index"] in indexes]
    known = [end for end in ends if end is not None]
    return max(known) if len(known) == len(ends) else None


def _check_decoding(facts: SourceFacts, url: str) -> None:
    for stream in (facts.video, facts.audio):
        if stream is not None and not probe.decodes(url, stream.index):
            raise JobError(
                "undecodable", f"the {stream.codec} stream cannot be decoded: it is damaged, encrypted or of a kind "
                "that is not supported; export the file again"
            )  # fmt: skip


def _check_end(found: dict[str, Any], facts: SourceFacts, url: str) -> None:
    """Is the media there to its stated end? First a look at the tail; where the file cannot seek, all of it."""
    if streams.is_guessed(facts.container):
        return
    begin, stated = _begin(found), facts.duration_seconds
    needed = stated - SLACK_SECONDS - SLACK_SHARE * stated
    end = probe.end_time(url, _indexes(facts), start=max(0.0, begin + stated - TAIL_SECONDS)) - begin
    if end < needed:
        end = probe.end_time(url, _indexes(facts)) - begin
    if end < needed:
        raise JobError(
            "truncated_source", f"the file says that it lasts {stated:.1f} s but ends after {max(0.0, end):.1f} s; "
            "upload the whole file"
        )  # fmt: skip


def _indexes(facts: SourceFacts) -> set[int]:
    return {stream.index for stream in (facts.video, facts.audio) if stream is not None}
