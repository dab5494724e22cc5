"""The options that every command on jobs has, and the client that they give."""

import os
from typing import Annotated

import typer
from rich.console import Console

from infra.cli import id_arguments, target
from infra.cli.api.client import Client

ENDLESS = 10_000  # columns
_PANEL = "Connection (default: the running stack of `mediajobs up`)"

ApiUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", envvar="MEDIAJOBS_API_URL", help="Where the API is.", rich_help_panel=_PANEL),
]
ApiKey = Annotated[
    str | None, typer.Option(metavar="KEY", envvar="MEDIAJOBS_API_KEY", help="The key for it.", rich_help_panel=_PANEL)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON, one document a line, and nothing else.")]
JobId = Annotated[
    str,
    typer.Argument(metavar="JOB_ID", help="As `submit` printed it.", show_default=False, callback=id_arguments.job_id),
]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show the progress until the job is finished.")]


def connect(api_url: str | None, api_key: str | None) -> Client:
    return Client(*target.find(api_url, api_key))


def console() -> Console:
    """Standard output. A character that it cannot show becomes a question mark instead of a crash, and a line in a
    pipe or a file is as long as it is."""
    made = Console(highlight=False)
    if not made.is_terminal and not os.environ.get("COLUMNS"):
        made.width = ENDLESS
    if reconfigure := getattr(made.file, "reconfigure", None):
        reconfigure(errors="replace")
    return made
