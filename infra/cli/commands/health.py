"""`mediajobs health`: how each part of the service is."""

from typing import Any

import typer
from rich.table import Table
from rich.text import Text

from infra.cli import target
from infra.cli.api.client import Client
from infra.cli.errors import FAILED, printable
from infra.cli.options import ApiUrl, AsJson, console
from infra.cli.terminal.json_lines import print_document

COLOURS = {"healthy": "green", "warning": "yellow"}


def health(as_json: AsJson = False, api_url: ApiUrl = None) -> None:
    """Tell how each part of the service is; ends with 1 unless all is well. Needs no key."""
    found: dict[str, Any] = Client(*target.find_without_key(api_url)).send("GET", "/health/detailed").json()
    if as_json:
        print_document(found)
    else:
        table = Table.grid(padding=(0, 2))
        for name, service in {"overall": {"status": found["overall"]}, **found["services"]}.items():
            table.add_row(name, _coloured(service["status"]), _words(service))
        console().print(table)
    if found["overall"] != "healthy":
        raise typer.Exit(FAILED)


def _coloured(status: str) -> Text:
    return Text(printable(status), COLOURS.get(status, "red"))


def _words(service: dict[str, Any]) -> Text:
    """What is known beside the status."""
    known = []
    if "free_percent" in service:
        known.append(f"{service['free_gb']:g} of {service['total_gb']:g} GB free")
    if "workers" in service:
        known.append(f"workers: {service['workers']}")
    if "latency_ms" in service:
        known.append(f"{service['latency_ms']:g} ms")
    return Text(", ".join(known), "dim")
