"""`mediajobs cancel`, `retry`, `priority` and `delete`."""

import sys
from typing import Annotated, Any

import typer

from infra.cli import id_arguments
from infra.cli.command_errors import CommandError, StoppedError, UsageError
from infra.cli.job_filters import Batch, From, Priority, Search, Statuses, To, query_filters
from infra.cli.job_workflow import show_result, watch_job
from infra.cli.output import console, print_result
from infra.cli.shared_options import ApiKey, ApiUrl, AsJson, JobId, Watch, connect
from infra.cli.terminal.confirmation import confirm
from infra.cli.terminal.job_display import display_for
from infra.cli.text_format import pluralize

OptionalJobId = Annotated[
    str | None, typer.Argument(metavar="JOB_ID", help="As `submit` printed it.", callback=id_arguments.job_id)
]
All = Annotated[bool, typer.Option("--all", help="Every failed or cancelled job, or those that match the filters.")]
FromStart = Annotated[bool, typer.Option("--from-start", help="Repeat completed tasks, too.")]
NewPriority = Annotated[int, typer.Argument(metavar="1-10", min=1, max=10, help="10 goes first.", show_default=False)]
KeepFiles = Annotated[bool, typer.Option("--keep-files", help="Leave the source and the outputs in the bucket.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask for confirmation.")]


def cancel(job_id: JobId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Cancel a job that is not finished."""
    print_result(connect(api_url, api_key).cancel(job_id), f"Job {job_id} is cancelled.", as_json=as_json)


def retry(
    job_id: OptionalJobId = None,
    every: All = False,
    status: Statuses = None,
    priority: Priority = None,
    search: Search = None,
    batch: Batch = None,
    since: From = None,
    until: To = None,
    from_start: FromStart = False,
    watch: Watch = False,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Run a failed or cancelled job again, or with --all many of them.

    Completed tasks are not repeated, except with --from-start.
    """
    filters = query_filters(status, priority, search, batch, since, until)
    if every is (job_id is not None) or (job_id and filters) or (every and watch):
        hint = "`mediajobs retry JOB_ID [--watch]`, or `mediajobs retry --all` with filters, such as --batch ID."
        raise UsageError("Name one job, or say --all.", hints=[hint])
    client, out = connect(api_url, api_key), console()
    if job_id is None:
        _print_retried(client.retry_many(filters, from_start=from_start), as_json=as_json)
        return
    retried = client.retry(job_id, from_start=from_start)
    if not watch:
        print_result(retried, f"Job {job_id} waits for its attempt {retried.get('attempt')}.", as_json=as_json)
        return
    with display_for(out, as_json=as_json) as display:
        job = watch_job(client, job_id, display)
    show_result(client, job, out, as_json=as_json)


def priority(
    job_id: JobId, value: NewPriority, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None
) -> None:
    """Change the priority of a waiting job."""
    changed = connect(api_url, api_key).set_priority(job_id, value)
    print_result(changed, str(changed.get("message") or f"Job {job_id} has priority {value}."), as_json=as_json)


def delete(
    job_id: JobId,
    keep_files: KeepFiles = False,
    yes: Yes = False,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Delete a job with its source and its outputs. A running job is cancelled first."""
    if not yes:
        _confirm(f"Delete job {job_id}" + ("" if keep_files else " and all its files") + "?")
    deleted = connect(api_url, api_key).delete(job_id, with_files=not keep_files)
    files = pluralize(deleted.get("files_deleted", 0), "file")
    print_result(deleted, f"Job {job_id} is deleted, and {files}.", as_json=as_json)


def _confirm(question: str) -> None:
    """Raises UsageError without a terminal, and CommandError or StoppedError unless the answer is yes."""
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask at.", hints=["Pass --yes to delete without being asked."])
    try:
        confirmed = confirm(question)
    except (KeyboardInterrupt, EOFError):
        typer.echo(err=True)
        raise StoppedError("Nothing was deleted.") from None
    if not confirmed:
        raise CommandError("Nothing was deleted.")


def _print_retried(document: dict[str, Any], *, as_json: bool) -> None:
    reasons = "".join(f"\n  {count} refused: {reason}" for reason, count in document.get("reasons", {}).items())
    more = "\nThere are more: they follow by themselves." if document.get("continues") else ""
    summary = f"{document.get('retried')} of {document.get('matched')} jobs wait for another attempt."
    print_result(document, summary + reasons + more, as_json=as_json)
