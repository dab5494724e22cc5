"""Writes a transcript as SubRip and WebVTT."""

from collections.abc import Callable

from mediajobs.transcripts.cues import Cue, cues
from mediajobs.transcripts.transcript import Transcript

_SRT_LOOK_ALIKES = str.maketrans("<>{}", "‹›()")  # noqa: RUF001


def to_srt(transcript: Transcript) -> str:
    """SubRip. It has no escapes, so characters that players read as mark-up are replaced by similar ones."""
    blocks = []
    for number, cue in enumerate(cues(transcript), 1):
        times = f"{_timestamp(cue.start_ms, ',')} --> {_timestamp(cue.end_ms, ',')}"
        blocks.append(f"{number}\n{times}\n{_cue_text(cue, _srt_text)}\n")
    return "\n".join(blocks)


def to_vtt(transcript: Transcript) -> str:
    blocks = (
        f"{_timestamp(cue.start_ms, '.')} --> {_timestamp(cue.end_ms, '.')}\n{_cue_text(cue, _vtt_text)}\n"
        for cue in cues(transcript)
    )
    return "\n".join(["WEBVTT\n", *blocks])


def _cue_text(cue: Cue, escape: Callable[[str], str]) -> str:
    return "\n".join(map(escape, cue.lines))


def _srt_text(text: str) -> str:
    return text.translate(_SRT_LOOK_ALIKES)


def _vtt_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _timestamp(milliseconds: int, point: str) -> str:
    seconds, fraction = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{fraction:03}"
