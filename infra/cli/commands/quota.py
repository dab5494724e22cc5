"""`mediajobs quota`: what an account may have at once, use up in a month, and store."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from infra.cli import id_arguments
from infra.cli.options import AsJson, console
from infra.cli.table_access import Endpoint, tables
from infra.cli.terminal.json_lines import print_document
from mediajobs.accounts.quotas import LARGEST_CONCURRENCY

Account = Annotated[
    str, typer.Option(metavar="NAME", help="Whose quotas.", show_default=False, callback=id_arguments.account)
]
Concurrent = Annotated[
    int | None, typer.Option(min=0, max=LARGEST_CONCURRENCY, metavar="N", help="Jobs that are not finished.")
]
Minutes = Annotated[int | None, typer.Option(min=0, metavar="N", help="Minutes of media in a calendar month (UTC).")]
Bytes = Annotated[int | None, typer.Option(min=0, metavar="N", help="Bytes of sources and outputs.")]


def quota(
    account: Account,
    concurrent_jobs: Concurrent = None,
    minutes_per_month: Minutes = None,
    stored_bytes: Bytes = None,
    as_json: AsJson = False,
    endpoint: Endpoint = None,
) -> None:
    """Show an account's quotas, after changing those that are given; 0 is no limit.

    On the running stack, or on the tables that COUNTERS_TABLE and JOBS_TABLE name.
    """
    wishes = {
        "concurrent_jobs": concurrent_jobs,
        "minutes_per_month": minutes_per_month,
        "stored_bytes": stored_bytes,
    }
    limits = {name: limit for name, limit in wishes.items() if limit is not None}
    with tables(endpoint, "COUNTERS_TABLE", "JOBS_TABLE"):
        from mediajobs.accounts import quota_store

        if limits:
            quota_store.change(account, limits)
        found = asdict(quota_store.read(account).quotas)
    if as_json:
        print_document({"account": account} | found)
        return
    table = Table.grid(padding=(0, 2))
    for name, limit in found.items():
        table.add_row(name.replace("_", " "), "no limit" if limit is None else f"{limit:,}")
    console().print(table)
