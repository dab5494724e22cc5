"""Keys of sources and outputs in the media bucket, and download names."""

from pathlib import PurePosixPath

from mediajobs.media.outputs import FILES, SOURCE


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


def output_key(job_id: str, output: str) -> str:
    """Where an output is, by its name in the API; the source counts as one."""
    return source_key(job_id) if output == SOURCE else output_prefix(job_id) + FILES[output].name


def download_name(filename: str, output: str) -> str:
    """`holiday.mov`, `360p` -> `holiday-360p.mp4`; the source keeps its own name."""
    if output == SOURCE:
        return filename
    return (PurePosixPath(filename).stem or "video") + FILES[output].download_suffix
