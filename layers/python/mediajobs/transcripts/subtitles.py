"""SubRip and WebVTT."""

from collections.abc import Callable

from mediajobs.transcripts.cues import Cue, cues
from mediajobs.transcripts.transcript import Transcript

_SRT_LOOK_ALIKES = str.maketrans("<>{}", "‹›()")  # noqa: RUF001


def to_srt(transcript: Transcript) -> str:
    """SubRip. It has no escapes: what a player would take for mark-up is written with look-alikes."""
    blocks = []
    for number, cue in enumerate(cues(transcript), 1):
        times = f"{_clock(cue.start_ms, ',')} --> {_clock(cue.end_ms, ',')}"
        blocks.append(f"{number}\n{times}\n{_payload(cue, _srt_text)}\n")
    return "\n".join(blocks)


def to_vtt(transcript: Transcript) -> str:
    blocks = (
        f"{_clock(cue.start_ms, '.')} --> {_clock(cue.end_ms, '.')}\n{_payload(cue, _vtt_text)}\n"
        for cue in cues(transcript)
    )
    return "\n".join(["WEBVTT\n", *blocks])


def _payload(cue: Cue, written: Callable[[str], str]) -> str:
    return "\n".join(map(written, cue.lines))


def _srt_text(text: str) -> str:
    return text.translate(_SRT_LOOK_ALIKES)


def _vtt_text(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _clock(milliseconds: int, point: str) -> str:
    seconds, fraction = divmod(milliseconds, 1000)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:02}:{minutes:02}:{seconds:02}{point}{fraction:03}"
