"""Outputs from the API to disk: whole or not at all, and never over something else."""

import os
from collections.abc import Callable, Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

import requests

from infra.cli.api.client import Client, job_path
from infra.cli.api.documents import Job
from infra.cli.errors import CommandError, UnreachableError, UsageError
from mediajobs.media.outputs import FILES, SOURCE

TRIES = 3
CHUNK = 1 << 20


class Wanted(NamedTuple):
    """One output: its name in the API, where it will lie, and its size in bytes where the job tells it."""

    name: str
    path: Path
    size_bytes: int | None


def made(job: Job) -> list[str]:
    """The names of the outputs that the job has, in the order of the table."""
    return [name for name in FILES if _entry(job, name).get("available")]


def plan(job: Job, names: Sequence[str], into: Path, *, overwrite: bool) -> list[Wanted]:
    """What to fetch and where to. Raises UsageError where a file is in the way, before anything is fetched."""
    if not_a_folder := [path for path in (into, *into.parents) if path.exists() and not path.is_dir()]:
        raise UsageError(f"{not_a_folder[0]} is a file.", hints=["Choose another --into: it names a folder."])
    wanted = [Wanted(name, into / _filename(job, name), _size(job, name)) for name in names]
    in_the_way = [str(one.path) for one in wanted if one.path.exists()]
    if folders := [str(one.path) for one in wanted if one.path.is_dir()]:
        raise UsageError(f"{', '.join(folders)} is a folder.", hints=["Choose another --into."])
    if in_the_way and not overwrite:
        raise UsageError(f"{', '.join(in_the_way)} already there.", hints=["Choose another --into, or pass --force."])
    return wanted


def fetch(client: Client, job_id: str, wanted: Wanted, advance: Callable[[int], None]) -> int:
    """Download one output and give its size; another try where the connection breaks half way."""
    for last in (False,) * (TRIES - 1) + (True,):
        try:
            return _fetch(client, f"{job_path(job_id)}/download/{wanted.name}", wanted, advance)
        except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
            if last:
                raise UnreachableError(f"The download of {wanted.name} broke off {TRIES} times.") from error
    raise AssertionError("the last try answers or raises")


def _fetch(client: Client, address: str, wanted: Wanted, advance: Callable[[int], None]) -> int:
    wanted.path.parent.mkdir(parents=True, exist_ok=True)
    size, part = 0, wanted.path.with_name(f".{wanted.path.name}.{os.getpid()}.part")
    try:
        with client.open(address) as response, part.open("wb") as file:
            for chunk in response.iter_content(CHUNK):
                size += file.write(chunk)
                advance(len(chunk))
        _check(wanted, size, response.headers.get("Content-Length"))
        part.replace(wanted.path)
    except BaseException:  # Ctrl-C too: no half file stays; raised again
        advance(-size)
        part.unlink(missing_ok=True)
        raise
    return size


def _check(wanted: Wanted, size: int, announced: str | None) -> None:
    for expected in (announced, wanted.size_bytes):
        if expected is not None and size != int(expected):
            raise CommandError(f"{wanted.name} has {size} bytes where {expected} were announced.")


def _entry(job: Job, name: str) -> dict[str, object]:
    """What the job says about an output; a transcript is available in the formats that have an address."""
    if not name.startswith("transcript_"):
        return job.outputs.get(name) or {}
    transcription = job.outputs.get("transcription") or {}
    formats = transcription.get("formats") or {}
    return {"available": transcription.get("available") and formats.get(name.removeprefix("transcript_"))}


def _size(job: Job, name: str) -> int | None:
    size = job.source.size_bytes if name == SOURCE else _entry(job, name).get("size_bytes")
    return size if isinstance(size, int) else None


def _filename(job: Job, name: str) -> str:
    """Names of our own, so that two outputs never meet; the source keeps its suffix."""
    if name != SOURCE:
        return FILES[name].name
    return SOURCE + PurePosixPath(job.source.filename or "").suffix
