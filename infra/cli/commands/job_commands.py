"""`mediajobs cancel`, `retry`, `priority` and `delete`."""

import sys
from typing import Annotated, Any

import typer
from rich.text import Text

from infra.cli import id_arguments
from infra.cli.errors import CommandError, StoppedError, UsageError, counted
from infra.cli.job_filters import Batch, From, Priority, Search, Statuses, To, query_filters
from infra.cli.job_run import finished, watched
from infra.cli.options import ApiKey, ApiUrl, AsJson, JobId, Watch, connect, console
from infra.cli.terminal.confirmation import confirm
from infra.cli.terminal.job_display import display_for
from infra.cli.terminal.json_lines import print_document

MaybeJobId = Annotated[
    str | None, typer.Argument(metavar="JOB_ID", help="As `submit` printed it.", callback=id_arguments.job_id)
]
All = Annotated[bool, typer.Option("--all", help="Every failed or cancelled job, or those that the filters name.")]
FromStart = Annotated[bool, typer.Option("--from-start", help="Make everything anew, also what is done.")]
NewPriority = Annotated[int, typer.Argument(metavar="1-10", min=1, max=10, help="10 goes first.", show_default=False)]
KeepFiles = Annotated[bool, typer.Option("--keep-files", help="Leave the source and the outputs in the bucket.")]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def cancel(job_id: JobId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Stop a job, whatever it does."""
    _tell(connect(api_url, api_key).cancel(job_id), f"Job {job_id} is cancelled.", as_json=as_json)


def retry(
    job_id: MaybeJobId = None,
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
    """Run a failed or cancelled job again, or with --all as many as there are.

    What is done already is not done again, unless you say so.
    """
    filters = query_filters(status, priority, search, batch, since, until)
    if every is (job_id is not None) or (job_id and filters) or (every and watch):
        hint = "`mediajobs retry JOB_ID [--watch]`, or `mediajobs retry --all` with filters, such as --batch ID."
        raise UsageError("Name one job, or say --all.", hints=[hint])
    client, out = connect(api_url, api_key), console()
    if job_id is None:
        _tell_of_many(client.retry_many(filters, from_start=from_start), as_json=as_json)
        return
    answer = client.retry(job_id, from_start=from_start)
    if not watch:
        _tell(answer, f"Job {job_id} waits for its attempt {answer.get('attempt')}.", as_json=as_json)
        return
    with display_for(out, as_json=as_json) as screen:
        job = watched(client, job_id, screen)
    finished(client, job, out, as_json=as_json)


def priority(
    job_id: JobId, value: NewPriority, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None
) -> None:
    """Change the place of a job that waits."""
    answer = connect(api_url, api_key).set_priority(job_id, value)
    _tell(answer, str(answer.get("message") or f"Job {job_id} has priority {value}."), as_json=as_json)


def delete(
    job_id: JobId,
    keep_files: KeepFiles = False,
    yes: Yes = False,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Delete a job with its source and all that was made of it. One that runs is cancelled first."""
    if not yes:
        _ask(f"Delete job {job_id}" + ("" if keep_files else " and all its files") + "?")
    answer = connect(api_url, api_key).delete(job_id, with_files=not keep_files)
    _tell(answer, f"Job {job_id} is deleted, and {counted(answer.get('files_deleted', 0), 'file')}.", as_json=as_json)


def _ask(question: str) -> None:
    """Returns where the answer is yes. What cannot be asked for is not taken for granted."""
    if not sys.stdin.isatty():
        raise UsageError("There is no terminal to ask at.", hints=["Pass --yes to delete without being asked."])
    try:
        sure = confirm(question)
    except (KeyboardInterrupt, EOFError):
        typer.echo(err=True)
        raise StoppedError("Nothing was deleted.") from None
    if not sure:
        raise CommandError("Nothing was deleted.")


def _tell_of_many(answer: dict[str, Any], *, as_json: bool) -> None:
    reasons = "".join(f"\n  {count} refused: {reason}" for reason, count in answer.get("reasons", {}).items())
    more = "\nThere are more: they follow by themselves." if answer.get("continues") else ""
    words = f"{answer.get('retried')} of {answer.get('matched')} jobs wait for another attempt."
    _tell(answer, words + reasons + more, as_json=as_json)


def _tell(answer: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        print_document(answer)
    else:
        console().print(Text(words), soft_wrap=True)
