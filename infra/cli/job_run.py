"""One job from source to outputs, shown on a screen: what `submit`, `status`, `download` and `demo` share."""

import contextlib
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from infra.cli.api import downloads
from infra.cli.api.client import Client
from infra.cli.api.documents import Created, Job
from infra.cli.api.uploads import upload
from infra.cli.api.watch import check, follow
from infra.cli.errors import CommandError, StoppedError
from infra.cli.terminal.job_display import JobDisplay
from infra.cli.terminal.job_summary import show_outputs, show_words, words_of


def start(client: Client, created: Created, path: Path, screen: JobDisplay) -> None:
    """Upload the source where the job wants one. A job whose upload ends half way is cancelled: nobody could end it."""
    if created.upload is None:
        return
    screen.begin("upload", path.stat().st_size)
    try:
        upload(client, created.upload, path, screen.advance)
    except BaseException as error:  # Ctrl-C too: nobody could end this upload
        with contextlib.suppress(CommandError):
            client.cancel(created.job_id)
        if isinstance(error, KeyboardInterrupt):
            raise StoppedError("The upload was stopped and its job cancelled.") from None
        raise


def watched(client: Client, job_id: str, screen: JobDisplay, *, patience: float | None = None) -> Job:
    """The finished job, shown all the way; Ctrl-C leaves it running."""
    job: Job | None = None
    try:
        for job in follow(client, job_id, patience=patience):
            screen.show(job)
    except KeyboardInterrupt:
        raise StoppedError(
            f"Job {job_id} goes on without being watched.", hints=[f"Watch it again: mediajobs watch {job_id}"]
        ) from None
    assert job is not None  # noqa: S101 (follow gives at least one state)
    return job


def finished(client: Client, job: Job, console: Console, *, as_json: bool = False) -> None:
    """Show what came out; CommandError unless the job is completed."""
    check(job)
    if not as_json:
        show_outputs(console, job)
        show_words(console, words_of(client, job))


def download_all(
    client: Client,
    job: Job,
    names: Sequence[str],
    into: Path,
    screen: JobDisplay | None = None,
    *,
    overwrite: bool = False,
) -> dict[str, Path]:
    """Fetch the named outputs, all where none is named: where each lies, by name."""
    wanted = downloads.plan(job, names or downloads.made(job), into, overwrite=overwrite)
    if not wanted:
        raise CommandError(f"Job {job.job_id} has no outputs yet: it is {job.status}.")
    for one in wanted:
        if screen:
            screen.begin(one.path.name, one.size_bytes)
        downloads.fetch(client, job.job_id, one, screen.advance if screen else lambda _count: None)
    return {one.name: one.path for one in wanted}
