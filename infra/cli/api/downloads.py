"""Downloads outputs to disk. A file is written completely or not at all, and never replaces another without consent."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import requests

from infra.cli.api.client import Client, job_path
from infra.cli.api.documents import Job
from infra.cli.command_errors import CommandError, UnreachableError, UsageError
from mediajobs.media.outputs import FILES, SOURCE

MAX_ATTEMPTS = 3
CHUNK_BYTES = 1 << 20


class PlannedDownload(NamedTuple):
    """One output: its name in the API, the file to write, and its size if the job says it."""

    name: str
    path: Path
    size_bytes: int | None


def available_outputs(job: Job) -> list[str]:
    """The names of the outputs that the job has, in the order of FILES."""
    return [name for name in FILES if _entry(job, name).get("available")]


def plan_downloads(job: Job, names: Sequence[str], into: Path, *, overwrite: bool) -> list[PlannedDownload]:
    """Decides which file each output becomes, before any download. Raises UsageError if a file is in the way."""
    if not_a_folder := [path for path in (into, *into.parents) if path.exists() and not path.is_dir()]:
        raise UsageError(f"{not_a_folder[0]} is a file.", hints=["Choose another --into: it names a folder."])
    planned = [PlannedDownload(name, into / _filename(job, name), _size(job, name)) for name in names]
    if folders := [str(output.path) for output in planned if output.path.is_dir()]:
        raise UsageError(f"{', '.join(folders)} is a folder.", hints=["Choose another --into."])
    existing = [str(output.path) for output in planned if output.path.exists()]
    if existing and not overwrite:
        raise UsageError(f"{', '.join(existing)} already there.", hints=["Choose another --into, or pass --force."])
    return planned


def download(client: Client, job_id: str, output: PlannedDownload, advance: Callable[[int], None]) -> int:
    """Downloads one output, again if the connection breaks. Returns its size in bytes. Raises CommandError."""
    for attempt in range(1, MAX_ATTEMPTS + 1):
        try:
            return _download_once(client, f"{job_path(job_id)}/download/{output.name}", output, advance)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            if attempt == MAX_ATTEMPTS:
                raise UnreachableError(f"The download of {output.name} broke off {MAX_ATTEMPTS} times.") from error
    raise AssertionError("the last attempt returns or raises")


def _download_once(client: Client, address: str, output: PlannedDownload, advance: Callable[[int], None]) -> int:
    output.path.parent.mkdir(parents=True, exist_ok=True)
    size, partial = 0, output.path.with_name(f".{output.path.name}.{os.getpid()}.part")
    try:
        with client.open(address) as response, partial.open("wb") as file:
            for chunk in response.iter_content(CHUNK_BYTES):
                size += file.write(chunk)
                advance(len(chunk))
        _check_size(output, size, response.headers.get("Content-Length"))
        partial.replace(output.path)
    except BaseException:  # KeyboardInterrupt as well: no partial file is left; raised again
        advance(-size)
        partial.unlink(missing_ok=True)
        raise
    return size


def _check_size(output: PlannedDownload, size: int, content_length: str | None) -> None:
    for expected in (content_length, output.size_bytes):
        if expected is not None and size != int(expected):
            raise CommandError(f"{output.name} has {size} bytes where {expected} were announced.")


def _entry(job: Job, name: str) -> dict[str, object]:
    """The job's entry for an output. A transcript is available in the formats that have an address."""
    if not name.startswith("transcript_"):
        return job.outputs.get(name) or {}
    transcription = job.outputs.get("transcription") or {}
    formats = transcription.get("formats") or {}
    return {"available": transcription.get("available") and formats.get(name.removeprefix("transcript_"))}


def _size(job: Job, name: str) -> int | None:
    size = job.source.size_bytes if name == SOURCE else _entry(job, name).get("size_bytes")
    return size if isinstance(size, int) else None


def _filename(job: Job, name: str) -> str:
    """A fixed name for each output, so that no two outputs have the same; the source keeps its suffix."""
    if name != SOURCE:
        return FILES[name].name
    return SOURCE + PurePosixPath(job.source.filename or "").suffix
