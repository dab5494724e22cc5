"""`mediajobs list`: your jobs, filtered and sorted."""

from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.text import Text

from infra.cli.errors import printable
from infra.cli.job_filters import Ascending, Batch, From, Priority, Search, SortBy, Statuses, To, query_filters
from infra.cli.options import ApiKey, ApiUrl, AsJson, connect, console
from infra.cli.terminal.columns import show_rows
from infra.cli.terminal.json_lines import print_document

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
    query = urlencode(query_filters(status, priority, search, batch, since, until) | order, doseq=True)
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
