"""`mediajobs download`: downloads the outputs of a job."""

from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from infra.cli.command_errors import UsageError
from infra.cli.job_workflow import download_outputs
from infra.cli.output import console
from infra.cli.shared_options import ApiKey, ApiUrl, AsJson, JobId, connect
from infra.cli.terminal.job_display import display_for
from infra.cli.terminal.json_lines import print_document
from mediajobs.media.outputs import DOWNLOADS

What = Annotated[list[str] | None, typer.Argument(metavar="WHAT", help=f"Any of {', '.join(DOWNLOADS)}.")]
Into = Annotated[Path | None, typer.Option(metavar="DIR", help="The folder to write to; by default ./JOB_ID.")]
Force = Annotated[bool, typer.Option("--force", help="Overwrite existing files.")]


def download(
    job_id: JobId,
    what: What = None,
    into: Into = None,
    force: Force = False,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Download all outputs of a job, or those that you name.

    Each file is written completely or not at all.
    """
    if unknown := sorted(set(what or ()) - set(DOWNLOADS)):
        raise UsageError(f"There is no output {', '.join(unknown)}.", hints=[f"There are {', '.join(DOWNLOADS)}."])
    client, out = connect(api_url, api_key), console()
    folder = into or Path(job_id)
    with display_for(out, as_json=as_json) as display:
        files = download_outputs(client, client.job(job_id), what or [], folder, display, overwrite=force)
    if as_json:
        listed = [{"name": name, "path": str(path), "size_bytes": path.stat().st_size} for name, path in files.items()]
        print_document({"job_id": job_id, "files": listed})
    else:
        out.print(Text(f"Now in {folder}/"), soft_wrap=True)
