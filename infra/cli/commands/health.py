"""`mediajobs health`: the state of each part of the service."""

from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from infra.cli.api.client import Client
from infra.cli.api_target import find_target_without_key
from infra.cli.command_errors import EXIT_FAILED
from infra.cli.output import console
from infra.cli.shared_options import ApiUrl, AsJson
from infra.cli.terminal.json_lines import print_document
from infra.cli.text_format import printable

STATUS_COLOURS = {"healthy": "green", "warning": "yellow"}  # red for all others


def health(as_json: AsJson = False, api_url: ApiUrl = None) -> None:
    """Show the state of each part of the service. Exit code 1 unless all are healthy. Needs no key."""
    client = Client(*find_target_without_key(api_url))
    document: dict[str, Any] = client.send("GET", "/health/detailed").json()
    if as_json:
        print_document(document)
    else:
        table = Table.grid(padding=(0, 2))
        for name, service in {"overall": {"status": document["overall"]}, **document["services"]}.items():
            table.add_row(name, _coloured(service["status"]), _details(service))
        console().print(table)
    if document["overall"] != "healthy":
        raise typer.Exit(EXIT_FAILED)


def _coloured(status: str) -> Text:
    return Text(printable(status), STATUS_COLOURS.get(status, "red"))


def _details(service: dict[str, Any]) -> Text:
    """What the service reports besides its status."""
    details = []
    if "free_percent" in service:
        details.append(f"{service['free_gb']:g} of {service['total_gb']:g} GB free")
    if "workers" in service:
        details.append(f"workers: {service['workers']}")
    if "latency_ms" in service:
        details.append(f"{service['latency_ms']:g} ms")
    return Text(", ".join(details), "dim")
