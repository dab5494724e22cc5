"""`mediajobs stats`: counts of jobs and of the work that they caused."""

from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.filesize import decimal
from rich.table import Table

from infra.cli.output import console
from infra.cli.shared_options import ApiKey, ApiUrl, AsJson, connect, without_unset
from infra.cli.terminal.json_lines import print_document

From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Created at or after, e.g. 2026-03-01.")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Created at or before.")]


def stats(
    since: From = None, until: To = None, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None
) -> None:
    """Count the jobs of a period, by status, and their work."""
    query = urlencode(without_unset(from_date=since or None, to_date=until or None))
    path = f"/jobs/stats?{query}" if query else "/jobs/stats"
    document: dict[str, Any] = connect(api_url, api_key).send("GET", path).json()
    if as_json:
        print_document(document)
        return
    metrics = document["processing_metrics"]
    table = Table.grid(padding=(0, 2))
    table.add_row("jobs", str(document["total_jobs"]))
    for status, count in document["status_breakdown"].items():
        if count:
            table.add_row(f"  {status}", str(count))
    table.add_row("success rate", f"{document['success_rate']:g} %")
    table.add_row("processing", f"{metrics['total_processing_time_seconds']:.0f} s")
    table.add_row("media", f"{metrics['total_video_duration_seconds']:.0f} s")
    table.add_row("stored", decimal(document["storage"]["used_bytes"]))
    console().print(table)
