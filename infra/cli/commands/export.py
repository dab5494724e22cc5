"""`mediajobs export`: writes the account's jobs to a file."""

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
from infra.cli.api.downloads import CHUNK_BYTES
from infra.cli.command_errors import CommandError, UnreachableError, UsageError
from infra.cli.job_filters import Ascending, Batch, From, Priority, Search, SortBy, Statuses, To, query_filters
from infra.cli.shared_options import ApiKey, ApiUrl, connect

EXPORT_TIMEOUT_SECONDS = 3600.0
Format = Annotated[Literal["csv", "json"], typer.Option("--format", help="The format of the file.")]
Output = Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write; - is stdout.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite an existing file.")]


def export(
    file_format: Format = "csv",
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
    """Write your jobs, all or those that match the filters, as CSV or JSON."""
    to_file = output != Path("-")
    if to_file:
        _check_output(output, force=force)
    order = {"format": file_format, "sort_by": sort_by, "sort_order": "asc" if ascending else "desc"}
    query = urlencode(query_filters(status, priority, search, batch, since, until) | order, doseq=True)
    with _wait_for_export(connect(api_url, api_key), f"/jobs/export?{query}") as response:
        if to_file:
            _save(response, output)
        else:
            _print(response)


def _check_output(output: Path, *, force: bool) -> None:
    """Raises UsageError if the file cannot be written, before any request is sent."""
    if not output.parent.is_dir():
        raise UsageError(f"There is no folder {output.parent}.", hints=["Make it, or choose another --output."])
    if output.is_dir():
        raise UsageError(f"{output} is a folder.", hints=["Name a file in it with --output."])
    if output.exists() and not force:
        raise UsageError(f"{output} is already there.", hints=["Choose another --output, or pass --force."])


def _wait_for_export(client: Client, path: str) -> requests.Response:
    """The response with the file. Raises CommandError after EXPORT_TIMEOUT_SECONDS."""
    deadline = time.monotonic() + EXPORT_TIMEOUT_SECONDS
    while time.monotonic() < deadline:
        response = client.open(path)
        if response.status_code != requests.codes.accepted:
            return response
        path, retry_after = response.headers["Location"], response.headers.get("Retry-After", "")
        response.close()
        time.sleep(float(retry_after) if retry_after.isdecimal() else 1.0)
    minutes = EXPORT_TIMEOUT_SECONDS / 60
    raise CommandError(f"The export is not ready after {minutes:.0f} minutes.", hints=[f"It will be at {path}."])


def _print(response: requests.Response) -> None:
    """Prints the file unchanged; on a terminal, a newline is added if the file does not end with one."""
    last_byte = b"\n"

    def write(chunk: bytes) -> None:
        nonlocal last_byte
        sys.stdout.buffer.write(chunk)
        last_byte = chunk[-1:] or last_byte

    _copy(response, write)
    if last_byte != b"\n" and sys.stdout.isatty():
        sys.stdout.buffer.write(b"\n")
    sys.stdout.buffer.flush()


def _save(response: requests.Response, path: Path) -> None:
    """Writes the file completely or not at all."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with partial.open("wb") as file:
            _copy(response, file.write)
        partial.replace(path)
    except BaseException:  # KeyboardInterrupt as well: no partial file is left; raised again
        partial.unlink(missing_ok=True)
        raise


def _copy(response: requests.Response, write: Callable[[bytes], object]) -> None:
    size, content_length = 0, response.headers.get("Content-Length")
    try:
        for chunk in response.iter_content(CHUNK_BYTES):
            write(chunk)
            size += len(chunk)
    except (requests.ConnectionError, requests.Timeout, requests.exceptions.ChunkedEncodingError) as error:
        raise UnreachableError("The download of the export broke off. Run the command again.") from error
    if content_length is not None and size != int(content_length):
        raise CommandError(f"The export has {size} bytes where {content_length} were announced. Run the command again.")
