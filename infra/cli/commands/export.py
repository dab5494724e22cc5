"""`mediajobs export`: your jobs as a file."""

import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlencode

import requests
import typer

from infra.cli.api.client import Client
from infra.cli.api.downloads import CHUNK
from infra.cli.errors import CommandError, UnreachableError, UsageError
from infra.cli.job_filters import Ascending, Batch, From, Priority, Search, SortBy, Statuses, To, query_filters
from infra.cli.options import ApiKey, ApiUrl, connect

LONGEST = 3600.0  # seconds that an export may take
Format = Annotated[Literal["csv", "json"], typer.Option("--format", help="What to write.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="Where to; - is standard output.")]
Force = Annotated[bool, typer.Option("--force", help="Write over a file that is there.")]


def export(
    form: Format = "csv",
    output: Output = Path("-"),
    force: Force = False,
    status: Statuses = None,
    priority: Priority = None,
    search: Search = None,
    batch: Batch = None,
    since: From = None,
    until: To = None,
    sort_by: SortBy = "created_at",
    ascending: Ascending = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Write all your jobs, or those that you ask for, as CSV or JSON."""
    to_file = output != Path("-")
    if to_file:
        _check(output, force=force)
    order = {"format": form, "sort_by": sort_by, "sort_order": "asc" if ascending else "desc"}
    query = urlencode(query_filters(status, priority, search, batch, since, until) | order, doseq=True)
    with _opened(connect(api_url, api_key), f"/jobs/export?{query}") as response:
        if to_file:
            _save(response, output)
        else:
            _print(response)


def _check(output: Path, *, force: bool) -> None:
    """Raises UsageError where there is no place for it, before anything is asked for."""
    if not output.parent.is_dir():
        raise UsageError(f"There is no folder {output.parent}.", hints=["Make it, or choose another --output."])
    if output.is_dir():
        raise UsageError(f"{output} is a folder.", hints=["Name a file in it with --output."])
    if output.exists() and not force:
        raise UsageError(f"{output} is already there.", hints=["Choose another --output, or pass --force."])


def _opened(client: Client, path: str) -> requests.Response:
    """The file, as soon as it is made."""
    deadline = time.monotonic() + LONGEST
    while time.monotonic() < deadline:
        response = client.open(path)
        if response.status_code != requests.codes.accepted:
            return response
        path, wait = response.headers["Location"], response.headers.get("Retry-After", "")
        response.close()
        time.sleep(float(wait) if wait.isdecimal() else 1.0)
    raise CommandError(f"The export is not ready after {LONGEST / 60:.0f} minutes.", hints=[f"It will be at {path}."])


def _print(response: requests.Response) -> None:
    """As it is; on a terminal, the prompt begins a line."""
    last = b"\n"

    def write(chunk: bytes) -> None:
        nonlocal last
        sys.stdout.buffer.write(chunk)
        last = chunk[-1:] or last

    _copy(response, write)
    if last != b"\n" and sys.stdout.isatty():
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def _save(response: requests.Response, path: Path) -> None:
    """Whole or not at all."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as file:
            _copy(response, file.write)
        part.replace(path)
    except BaseException:  # Ctrl-C too: no half file stays; raised again
        part.unlink(missing_ok=True)
        raise


def _copy(response: requests.Response, write: Callable[[bytes], object]) -> None:
    size, announced = 0, response.headers.get("Content-Length")
    try:
        for chunk in response.iter_content(CHUNK):
            write(chunk)
            size += len(chunk)
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        raise UnreachableError("The download of the export broke off. Run the command again.") from error
    if announced is not None and size != int(announced):
        raise CommandError(f"The export has {size} bytes where {announced} were announced. Run the command again.")
