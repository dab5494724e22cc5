"""`mediajobs batch`: the progress of a batch of jobs."""

from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.table import Table

from infra.cli import id_arguments
from infra.cli.output import console
from infra.cli.shared_options import ApiKey, ApiUrl, AsJson, connect
from infra.cli.terminal.json_lines import print_document

BatchId = Annotated[
    str, typer.Argument(metavar="BATCH_ID", help="As given to `submit --batch`.", callback=id_arguments.batch_id)
]


def batch(batch_id: BatchId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Show the progress of a batch and when it will be done."""
    document: dict[str, Any] = connect(api_url, api_key).send("GET", f"/batches/{quote(batch_id, safe='')}").json()
    if as_json:
        print_document(document)
        return
    table = Table.grid(padding=(0, 2))
    table.add_row("progress", f"{document['overall_progress']} %")
    table.add_row("ready in", "unknown yet" if document["eta_seconds"] is None else f"{document['eta_seconds']} s")
    table.add_row("jobs", str(document["total"]))
    for status, count in document["status_breakdown"].items():
        if count:
            table.add_row(f"  {status}", str(count))
    console().print(table)
