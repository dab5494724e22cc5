"""`mediajobs status` and `mediajobs download`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from infra.cli.errors import UsageError
from infra.cli.job_run import download_all, finished, watched
from infra.cli.options import ApiKey, ApiUrl, AsJson, JobId, Watch, connect, console
from infra.cli.terminal.job_display import display_for
from infra.cli.terminal.json_lines import print_document
from mediajobs.media.outputs import DOWNLOADS

What = Annotated[list[str] | None, typer.Argument(metavar="WHAT", help=f"Any of {', '.join(DOWNLOADS)}.")]
Into = Annotated[Path | None, typer.Option(metavar="DIR", help="Where to; ./JOB_ID where none is given.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite files that are in the way.")]


def status(
    job_id: JobId, watch: Watch = False, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None
) -> None:
    """Show how far a job is, and what came out.

    Exit code 1 if the job failed or was cancelled.
    """
    client, out = connect(api_url, api_key), console()
    with display_for(out, as_json=as_json) as screen:
        if watch:
            job = watched(client, job_id, screen)
        else:
            job = client.job(job_id)
            screen.show(job)
    if job.finished:
        finished(client, job, out, as_json=as_json)


def watch(job_id: JobId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Look on until a job is finished.

    Told by its WebSocket, or else by server-sent events. Exit code 1 if the job failed or was cancelled.
    """
    status(job_id, watch=True, as_json=as_json, api_url=api_url, api_key=api_key)


def download(
    job_id: JobId,
    what: What = None,
    into: Into = None,
    force: Force = False,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Fetch what a job made.

    All of it, or the outputs that you name. Each file is whole or not there at all.
    """
    if unknown := sorted(set(what or ()) - set(DOWNLOADS)):
        raise UsageError(f"There is no output {', '.join(unknown)}.", hints=[f"There are {', '.join(DOWNLOADS)}."])
    client, out = connect(api_url, api_key), console()
    folder = into or Path(job_id)
    with display_for(out, as_json=as_json) as screen:
        files = download_all(client, client.job(job_id), what or [], folder, screen, overwrite=force)
    if as_json:
        listed = [{"name": name, "path": str(path), "size_bytes": path.stat().st_size} for name, path in files.items()]
        print_document({"job_id": job_id, "files": listed})
    else:
        out.print(Text(f"Now in {folder}/"), soft_wrap=True)
