"""Keys of sources and outputs in the media bucket, and download names."""

from pathlib import PurePosixPath

from mediajobs.media.outputs import FILES, SOURCE, file_of

_MAX_NAME_BYTES = 254  # file systems take 255, in UTF-8 or less


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
    return source_key(job_id) if output == SOURCE else output_prefix(job_id) + file_of(output).name


def download_name(filename: str, output: str) -> str:
    """`holiday.mov`, `360p` -> `holiday-360p.mp4`; the source keeps its own name. Less than 255 bytes in UTF-8.

    A longer stem is cut at a character's end, so that the suffix stays.
    """
    path = PurePosixPath(filename)
    suffix = path.suffix if output == SOURCE else FILES[output].download_suffix
    name = filename if output == SOURCE else (path.stem or "video") + suffix
    excess = len(name.encode()) - _MAX_NAME_BYTES
    if excess <= 0:
        return name
    return name.removesuffix(suffix).encode()[:-excess].decode(errors="ignore") + suffix
