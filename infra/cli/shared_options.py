"""The options that all commands on jobs have, and the client that they configure."""

from typing import Annotated, Any

import typer

from infra.cli import api_target, id_arguments
from infra.cli.api.client import Client

_PANEL = "Connection (default: the running stack of `mediajobs up`)"

ApiUrl = Annotated[
    str | None,
    typer.Option(metavar="URL", envvar="MEDIAJOBS_API_URL", help="The API's address.", rich_help_panel=_PANEL),
]
ApiKey = Annotated[
    str | None, typer.Option(metavar="KEY", envvar="MEDIAJOBS_API_KEY", help="The API key.", rich_help_panel=_PANEL)
]
AsJson = Annotated[bool, typer.Option("--json", help="Print only JSON, one document a line.")]
JobId = Annotated[
    str,
    typer.Argument(metavar="JOB_ID", help="As `submit` printed it.", show_default=False, callback=id_arguments.job_id),
]
Watch = Annotated[bool, typer.Option("--watch", "-w", help="Show the progress until the job is finished.")]


def connect(api_url: str | None, api_key: str | None) -> Client:
    return Client(*api_target.find_target(api_url, api_key))


def without_unset(**options: Any) -> dict[str, Any]:
    """The options that the caller set; for the others the API's defaults apply."""
    return {name: value for name, value in options.items() if value is not None and value != {}}
