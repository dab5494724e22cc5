"""The steps of one job, from upload to download, that `submit`, `status`, `download` and `demo` share."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from infra.cli.api import downloads
from infra.cli.api.client import Client
from infra.cli.api.documents import CreatedJob, Job
from infra.cli.api.job_watch import follow_job, raise_unless_completed
from infra.cli.api.uploads import upload
from infra.cli.command_errors import CommandError, StoppedError
from infra.cli.terminal.job_display import JobDisplay
from infra.cli.terminal.job_summary import print_outputs, print_transcript, print_warnings, read_transcript


def upload_source(client: Client, created: CreatedJob, path: Path, display: JobDisplay) -> None:
    """Uploads the source if the job needs it. If that fails, cancels the job, as nobody could continue the upload."""
    if created.upload is None:
        return
    display.begin_transfer("upload", path.stat().st_size)
    try:
        upload(client, created.upload, path, display.advance)
    except BaseException as error:  # KeyboardInterrupt as well
        with contextlib.suppress(CommandError):
            client.cancel(created.job_id)
        if isinstance(error, KeyboardInterrupt):
            raise StoppedError("The upload was stopped and its job cancelled.") from None
        raise


def watch_job(client: Client, job_id: str, display: JobDisplay, *, stall_timeout: float | None = None) -> Job:
    """Displays the job until it is finished. Ctrl-C raises StoppedError; the job continues.

    `stall_timeout`: seconds without a change after which CommandError is raised.
    """
    job: Job | None = None
    try:
        for job in follow_job(client, job_id, stall_timeout=stall_timeout):
            display.show(job)
    except KeyboardInterrupt:
        raise StoppedError(
            f"Job {job_id} continues without being watched.", hints=[f"Watch it again: mediajobs watch {job_id}"]
        ) from None
    assert job is not None  # noqa: S101 (follow_job yields at least one state)
    return job


def show_result(client: Client, job: Job, console: Console, *, as_json: bool = False) -> None:
    """Prints outputs, warnings and transcript. Raises CommandError unless the job is completed."""
    raise_unless_completed(job)
    if not as_json:
        print_outputs(console, job)
        print_warnings(console, job)
        print_transcript(console, read_transcript(client, job))


def download_outputs(
    client: Client,
    job: Job,
    names: Sequence[str],
    into: Path,
    display: JobDisplay | None = None,
    *,
    overwrite: bool = False,
) -> dict[str, Path]:
    """Downloads the named outputs, or all if none is named. Returns the files by output name."""
    planned = downloads.plan_downloads(job, names or downloads.available_outputs(job), into, overwrite=overwrite)
    if not planned:
        raise CommandError(f"Job {job.job_id} has no outputs yet: it is {job.status}.")
    for output in planned:
        if display:
            display.begin_transfer(output.path.name, output.size_bytes)
        downloads.download(client, job.job_id, output, display.advance if display else lambda _count: None)
    return {output.name: output.path for output in planned}
