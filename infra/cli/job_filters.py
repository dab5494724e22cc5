"""The options that filter and sort jobs, for `list`, `export` and `retry`."""

from typing import Annotated, Any

import typer

from infra.cli import id_arguments
from infra.cli.shared_options import without_unset

SORT_FIELDS = ("created_at", "updated_at", "completed_at", "priority", "filename", "duration_seconds", "status")

Statuses = Annotated[
    list[str] | None, typer.Option("--status", metavar="STATUS", help="With this status; may be repeated.")
]
Priority = Annotated[int | None, typer.Option(metavar="1-10", help="With this priority.")]
Search = Annotated[str | None, typer.Option(metavar="TEXT", help="A part of the file name; case does not matter.")]
Batch = Annotated[
    str | None, typer.Option("--batch", metavar="ID", help="Of this batch.", callback=id_arguments.batch_id)
]
From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Created at or after, e.g. 2026-03-01.")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Created at or before.")]
SortBy = Annotated[str, typer.Option("--sort", metavar="FIELD", help=f"One of {', '.join(SORT_FIELDS)}.")]
Ascending = Annotated[bool, typer.Option("--ascending", help="The smallest value first.")]


def query_filters(
    status: list[str] | None,
    priority: int | None,
    search: str | None,
    batch: str | None,
    since: str | None,
    until: str | None,
) -> dict[str, Any]:
    """The filters that the caller set, with the API's names."""
    return without_unset(
        status=status, priority=priority, search=search, batch_id=batch, from_date=since, to_date=until
    )
