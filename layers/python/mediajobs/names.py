"""The outputs by name: where they are in the bucket, and what they are called when downloaded."""

from pathlib import PurePosixPath

# Name in the API -> key in the media bucket, of a job id.
OUTPUT_KEYS = {
    "360p": "outputs/{}/360p.mp4",
    "720p": "outputs/{}/720p.mp4",
    "audio": "outputs/{}/audio.mp3",
    "thumbnail": "outputs/{}/thumbnail.jpg",
    "transcript_txt": "outputs/{}/transcript.txt",
    "transcript_srt": "outputs/{}/transcript.srt",
    "transcript_vtt": "outputs/{}/transcript.vtt",
    "transcript_json": "outputs/{}/transcript.json",
    "source": "sources/{}/source",
}


def download_name(filename: str, output: str) -> str:
    """`holiday.mov`, `360p` -> `holiday-360p.mp4`; the source keeps its own name."""
    if output == "source":
        return filename
    stem = PurePosixPath(filename).stem or "video"
    suffix = PurePosixPath(OUTPUT_KEYS[output]).suffix
    mark = f"-{output}" if output in ("360p", "720p", "thumbnail") else ""
    return f"{stem}{mark}{suffix}"
