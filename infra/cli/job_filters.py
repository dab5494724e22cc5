"""The options that choose and order jobs, as `list`, `export` and `retry` take them."""

from typing import Annotated, Any

import typer

from infra.cli import id_arguments

FIELDS = ("created_at", "updated_at", "completed_at", "priority", "filename", "duration_seconds", "status")

Statuses = Annotated[list[str] | None, typer.Option("--status", metavar="STATUS", help="May be repeated.")]
Priority = Annotated[int | None, typer.Option(metavar="1-10", help="Of this priority.")]
Search = Annotated[str | None, typer.Option(metavar="TEXT", help="A part of the file name, in any case.")]
Batch = Annotated[
    str | None, typer.Option("--batch", metavar="ID", help="Of this batch.", callback=id_arguments.batch_id)
]
From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Created at or after, e.g. 2026-03-01.")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Created at or before.")]
SortBy = Annotated[str, typer.Option("--sort", metavar="FIELD", help=f"{', '.join(FIELDS)}.")]
Ascending = Annotated[bool, typer.Option("--ascending", help="The smallest first.")]


def query_filters(
    status: list[str] | None,
    priority: int | None,
    search: str | None,
    batch: str | None,
    since: str | None,
    until: str | None,
) -> dict[str, Any]:
    """The filters that were given, as the API names them."""
    given = {
        "status": status,
        "priority": priority,
        "search": search,
        "batch_id": batch,
        "from_date": since,
        "to_date": until,
    }
    return {name: value for name, value in given.items() if value is not None}
