"""`mediajobs quota`: the quotas of an account for open jobs, minutes a month and stored bytes."""

from dataclasses import asdict
from typing import Annotated

import typer
from rich.table import Table

from infra.cli import id_arguments
from infra.cli.output import console
from infra.cli.shared_options import AsJson, without_unset
from infra.cli.table_access import Endpoint, table_settings
from infra.cli.terminal.json_lines import print_document
from mediajobs.accounts.quotas import MAX_CONCURRENT_JOBS

Account = Annotated[
    str,
    typer.Option(metavar="NAME", help="The account's name.", show_default=False, callback=id_arguments.account),
]
Concurrent = Annotated[
    int | None, typer.Option(min=0, max=MAX_CONCURRENT_JOBS, metavar="N", help="Jobs that are not finished.")
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
    """Change the given quotas of an account, then show all; 0 removes a limit.

    Uses the running stack, or the tables that COUNTERS_TABLE and JOBS_TABLE name.
    """
    changes = without_unset(
        concurrent_jobs=concurrent_jobs, minutes_per_month=minutes_per_month, stored_bytes=stored_bytes
    )
    with table_settings(endpoint, "COUNTERS_TABLE", "JOBS_TABLE"):
        from mediajobs.accounts import quota_store

        if changes:
            quota_store.change(account, changes)
        quotas = asdict(quota_store.read(account).quotas)
    if as_json:
        print_document({"account": account} | quotas)
        return
    table = Table.grid(padding=(0, 2))
    for name, limit in quotas.items():
        table.add_row(name.replace("_", " "), "no limit" if limit is None else f"{limit:,}")
    console().print(table)
