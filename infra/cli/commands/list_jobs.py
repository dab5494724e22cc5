"""`mediajobs list`: the account's jobs, filtered and sorted."""

from typing import Annotated, Any
from urllib.parse import urlencode

import typer
from rich.text import Text

from infra.cli.job_filters import Ascending, Batch, From, Priority, Search, SortBy, Statuses, To, query_filters
from infra.cli.output import console
from infra.cli.shared_options import ApiKey, ApiUrl, AsJson, connect
from infra.cli.terminal.columns import print_rows
from infra.cli.terminal.json_lines import print_document
from infra.cli.text_format import printable

Limit = Annotated[int, typer.Option(metavar="N", min=1, max=500, help="The maximum number of jobs.")]


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
    page: dict[str, Any] = connect(api_url, api_key).send("GET", f"/jobs?{query}").json()
    if as_json:
        print_document(page)
        return
    if page["jobs"]:
        print_rows(console(), [_row(job) for job in page["jobs"]], min_widths={4: 12})
    at_least = "" if page["total_relation"] == "eq" else "at least "
    console().print(Text(f"{len(page['jobs'])} of {at_least}{page['total']} jobs", style="dim"))


def _row(job: dict[str, Any]) -> tuple[str, ...]:
    progress = f"{job['progress']} %" if job["progress"] else ""
    return job["job_id"], job["created_at"][:19], job["status"], progress, printable(job["filename"])
