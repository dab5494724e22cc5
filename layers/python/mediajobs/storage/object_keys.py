"""Keys of sources and outputs in the media bucket, and download names."""

from pathlib import PurePosixPath


def source_key(job_id: str) -> str:
    return f"sources/{job_id}/source"


def source_prefix(job_id: str) -> str:
    return f"sources/{job_id}/"


def output_prefix(job_id: str) -> str:
    return f"outputs/{job_id}/"


def manifest_key(job_id: str, task: str | None = None) -> str:
    """Where a task's manifest is, or the whole job's."""
    return f"outputs/{job_id}/manifests/{task}.json" if task else f"outputs/{job_id}/manifest.json"


def job_of_key(key: str) -> str | None:
    """The job that a source's key belongs to."""
    parts = key.split("/")
    return parts[1] if len(parts) == 3 and parts[0] == "sources" and parts[2] == "source" else None


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
