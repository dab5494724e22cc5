"""`mediajobs batch`: how the jobs of a batch are doing."""

from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Table

from infra.cli import id_arguments
from infra.cli.options import ApiKey, ApiUrl, AsJson, connect, console
from infra.cli.terminal.json_lines import print_document

BatchId = Annotated[
    str, typer.Argument(metavar="BATCH_ID", help="What its jobs were created with.", callback=id_arguments.batch_id)
]


def batch(batch_id: BatchId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Tell how far a batch is and when it will be done."""
    found: dict[str, Any] = connect(api_url, api_key).send("GET", f"/batches/{quote(batch_id, safe='')}").json()
    if as_json:
        print_document(found)
        return
    table = Table.grid(padding=(0, 2))
    table.add_row("progress", f"{found['overall_progress']} %")
    table.add_row("ready in", "unknown yet" if found["eta_seconds"] is None else f"{found['eta_seconds']} s")
    table.add_row("jobs", str(found["total"]))
    for status, number in found["status_breakdown"].items():
        if number:
            table.add_row(f"  {status}", str(number))
    console().print(table)
