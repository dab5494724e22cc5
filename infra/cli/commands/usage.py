"""`mediajobs usage`: the requests of this key, and what its account has used of its quotas."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.filesize import decimal
from rich.table import Table

from infra.cli.output import console
from infra.cli.shared_options import ApiKey, ApiUrl, AsJson, connect, without_unset
from infra.cli.terminal.json_lines import print_document

From = Annotated[str | None, typer.Option("--from", metavar="DAY", help="The first day, e.g. 2026-03-01.")]
To = Annotated[str | None, typer.Option("--to", metavar="DAY", help="The last day. By default 30 days, until today.")]


def usage(
    since: From = None, until: To = None, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None
) -> None:
    """Count this key's requests by day, and show what its account has used of its quotas."""
    query = urlencode(without_unset(from_date=since or None, to_date=until or None))
    document: dict[str, Any] = connect(api_url, api_key).send("GET", f"/usage?{query}" if query else "/usage").json()
    if as_json:
        print_document(document)
        return
    table = Table.grid(padding=(0, 2))
    _add_requests(table, document)
    _add_quotas(table, document)
    console().print(table)


def _add_requests(table: Table, document: dict[str, Any]) -> None:
    for day in document["requests"]["by_day"]:
        classes = ", ".join(f"{count} {name}" for name, count in day["by_status_class"].items())
        table.add_row(day["date"], f"{day['total']} requests", classes)
    limits = document["limits"]
    left = f"{limits['remaining']} of {limits['requests_per_minute']} left"
    table.add_row("together", f"{document['requests']['total']} requests", "")
    table.add_row("this minute", left, f"anew in {limits['resets_in']} s")


def _add_quotas(table: Table, document: dict[str, Any]) -> None:
    minutes, quotas = document["minutes"], document["quotas"]
    table.add_row(
        minutes["month"], f"{minutes['transcoded']:g} min transcoded", f"{minutes['transcribed']:g} min transcribed"
    )
    table.add_row("open jobs", *_used_and_limit(quotas["concurrent_jobs"], str))
    table.add_row("minutes", *_used_and_limit(quotas["minutes_per_month"], "{:g}".format))
    table.add_row("stored", *_used_and_limit(quotas["stored_bytes"], decimal))


def _used_and_limit(quota: dict[str, Any], format_number: Callable[[Any], str]) -> tuple[str, str]:
    limit = quota["limit"]
    return format_number(quota["used"]), "no quota" if limit is None else f"of {format_number(limit)}"
