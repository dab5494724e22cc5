"""`mediajobs usage`: what this key asked for, and what its account has used up."""

from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.filesize import decimal
from rich.table import Table

from infra.cli.options import ApiKey, ApiUrl, AsJson, connect, console
from infra.cli.terminal.json_lines import print_document

From = Annotated[str | None, typer.Option("--from", metavar="DAY", help="The first day, e.g. 2026-03-01.")]
To = Annotated[str | None, typer.Option("--to", metavar="DAY", help="The last day. By default 30 days, until today.")]


def usage(
    since: From = None, until: To = None, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None
) -> None:
    """Count this key's requests by day, and what its account has used of its quotas."""
    span = {name: value for name, value in (("from_date", since), ("to_date", until)) if value}
    query = f"?{urlencode(span)}" if span else ""
    found: dict[str, Any] = connect(api_url, api_key).send("GET", f"/usage{query}").json()
    if as_json:
        print_document(found)
        return
    table = Table.grid(padding=(0, 2))
    for day in found["requests"]["by_day"]:
        classes = ", ".join(f"{number} {name}" for name, number in day["by_status_class"].items())
        table.add_row(day["date"], f"{day['total']} requests", classes)
    table.add_row("together", f"{found['requests']['total']} requests", "")
    limits, minutes, quotas = found["limits"], found["minutes"], found["quotas"]
    table.add_row(
        "this minute",
        f"{limits['remaining']} of {limits['requests_per_minute']} left",
        f"anew in {limits['resets_in']} s",
    )
    table.add_row(
        minutes["month"], f"{minutes['transcoded']:g} min transcoded", f"{minutes['transcribed']:g} min transcribed"
    )
    table.add_row("open jobs", *_used(quotas["concurrent_jobs"], str))
    table.add_row("minutes", *_used(quotas["minutes_per_month"], "{:g}".format))
    table.add_row("stored", *_used(quotas["stored_bytes"], decimal))
    console().print(table)


def _used(quota: dict[str, Any], words: Callable[[Any], str]) -> tuple[str, str]:
    limit = quota["limit"]
    return words(quota["used"]), "no quota" if limit is None else f"of {words(limit)}"
