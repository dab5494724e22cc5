"""`mediajobs stats`: how many jobs, what became of them, how much work they were."""

from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.filesize import decimal
from rich.table import Table

from infra.cli.options import ApiKey, ApiUrl, AsJson, connect, console
from infra.cli.terminal.json_lines import print_document

From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Created at or after, e.g. 2026-03-01.")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Created at or before.")]


def stats(
    since: From = None, until: To = None, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None
) -> None:
    """Count the jobs and the work of a span of time."""
    span = {name: value for name, value in (("from_date", since), ("to_date", until)) if value}
    query = f"?{urlencode(span)}" if span else ""
    found: dict[str, Any] = connect(api_url, api_key).send("GET", f"/jobs/stats{query}").json()
    if as_json:
        print_document(found)
        return
    metrics = found["processing_metrics"]
    table = Table.grid(padding=(0, 2))
    table.add_row("jobs", str(found["total_jobs"]))
    for status, number in found["status_breakdown"].items():
        if number:
            table.add_row(f"  {status}", str(number))
    table.add_row("success rate", f"{found['success_rate']:g} %")
    table.add_row("processing", f"{metrics['total_processing_time_seconds']:.0f} s")
    table.add_row("media", f"{metrics['total_video_duration_seconds']:.0f} s")
    table.add_row("stored", decimal(found["storage"]["used_bytes"]))
    console().print(table)
