"""The files that a job can make, by their names in the API: the renditions of the table and all others.

Some are played, and never downloaded by name: the sound of HLS and the sheets of a storyboard.
"""

from dataclasses import dataclass

from mediajobs.media.renditions import RENDITIONS
from mediajobs.media.storyboards import SHEET_PREFIX, is_sheet


@dataclass(frozen=True)
class OutputFile:
    """`name` is of the file in the bucket; `download_suffix` follows the stem of the source's name in a download."""

    name: str
    content_type: str
    download_suffix: str = ""


# Format of a transcript -> its content type.
TRANSCRIPTS = {
    "txt": "text/plain; charset=utf-8",
    "srt": "application/x-subrip; charset=utf-8",
    "vtt": "text/vtt; charset=utf-8",
    "json": "application/json",
}
# Name in the API -> file.
MEDIA_FILES = {
    **{name: OutputFile(f"{name}.mp4", "video/mp4", f"-{name}.mp4") for name in RENDITIONS},
    "audio": OutputFile("audio.mp3", "audio/mpeg", ".mp3"),
    "thumbnail": OutputFile("thumbnail.jpg", "image/jpeg", "-thumbnail.jpg"),
}
TRANSCRIPT_FILES = {
    f"transcript_{extension}": OutputFile(f"transcript.{extension}", content_type, f".{extension}")
    for extension, content_type in TRANSCRIPTS.items()
}
FILES = MEDIA_FILES | TRANSCRIPT_FILES
SOURCE = "source"
HLS_AUDIO = "hls_audio"  # fragmented MP4 with the sound alone
DOWNLOADS = (*FILES, SOURCE)
_PLAYED_FILES = {HLS_AUDIO: OutputFile("audio.m4a", "audio/mp4")}


def download_type(output: str) -> str:
    """The content type of a download. A source is bytes: what its client says it is, a browser must not act upon."""
    return "application/octet-stream" if output == SOURCE else FILES[output].content_type


def file_of(output: str) -> OutputFile:
    """The file of any output, by its name: also of `hls_audio`, and of a sheet such as `storyboard_1`."""
    if is_sheet(output):
        return OutputFile(f"storyboard-{output.removeprefix(SHEET_PREFIX)}.jpg", "image/jpeg")
    return (FILES | _PLAYED_FILES)[output]
