"""`mediajobs list`: your jobs, filtered and sorted."""

from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.text import Text

from infra.cli import ids
from infra.cli.columns import show_rows
from infra.cli.connection import ApiKey, ApiUrl, AsJson, connect, console
from infra.cli.failures import printable
from infra.cli.screens import print_document

FIELDS = ("created_at", "updated_at", "completed_at", "priority", "filename", "duration_seconds", "status")

Statuses = Annotated[list[str] | None, typer.Option("--status", metavar="STATUS", help="May be repeated.")]
Priority = Annotated[int | None, typer.Option(metavar="1-10", help="Of this priority.")]
Search = Annotated[str | None, typer.Option(metavar="TEXT", help="A part of the file name, in any case.")]
Batch = Annotated[str | None, typer.Option("--batch", metavar="ID", help="Of this batch.", callback=ids.batch_id)]
From = Annotated[str | None, typer.Option("--from", metavar="TIME", help="Created at or after, e.g. 2026-03-01.")]
To = Annotated[str | None, typer.Option("--to", metavar="TIME", help="Created at or before.")]
SortBy = Annotated[str, typer.Option("--sort", metavar="FIELD", help=f"{', '.join(FIELDS)}.")]
Ascending = Annotated[bool, typer.Option("--ascending", help="The smallest first.")]
Limit = Annotated[int, typer.Option(metavar="N", min=1, max=500, help="At most so many.")]


def list_jobs(
    status: Statuses = None,
    priority: Priority = None,
    search: Search = None,
    batch: Batch = None,
    since: From = None,
    until: To = None,
    sort_by: SortBy = "created_at",
    ascending: Ascending = False,
    limit: Limit = 20,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """List your jobs, the newest first."""
    order = {"sort_by": sort_by, "sort_order": "asc" if ascending else "desc", "per_page": limit}
    query = urlencode(wanted(status, priority, search, batch, since, until) | order, doseq=True)
    found: dict[str, Any] = connect(api_url, api_key).send("GET", f"/jobs?{query}").json()
    if as_json:
        print_document(found)
        return
    if found["jobs"]:
        show_rows(console(), [_row(job) for job in found["jobs"]], gives={4: 12})
    more = "" if found["total_relation"] == "eq" else "at least "
    console().print(Text(f"{len(found['jobs'])} of {more}{found['total']} jobs", style="dim"))


def _row(job: dict[str, Any]) -> tuple[str, ...]:
    progress = f"{job['progress']} %" if job["progress"] else ""
    return job["job_id"], job["created_at"][:19], job["status"], progress, printable(job["filename"])


def wanted(
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
