"""The command `mediajobs`."""

# isort: off
from infra.cli import startup_interrupt  # first: the other imports take half a second

# isort: on
import errno
import os
import sys
from contextlib import suppress
from typing import Any

import typer
from typer.core import TyperGroup

from infra.cli.command_errors import EXIT_FAILED, CommandError, from_os_error
from infra.cli.commands import job_actions, stack, webhook_deliveries
from infra.cli.commands.batch import batch
from infra.cli.commands.demo import demo
from infra.cli.commands.download import download
from infra.cli.commands.export import export
from infra.cli.commands.health import health
from infra.cli.commands.keys import keys
from infra.cli.commands.list_jobs import list_jobs
from infra.cli.commands.models import models
from infra.cli.commands.quota import quota
from infra.cli.commands.source_buckets import source_buckets
from infra.cli.commands.stats import stats
from infra.cli.commands.status import status, watch
from infra.cli.commands.submit import submit
from infra.cli.commands.usage import usage
from infra.cli.commands.webhooks import webhooks
from infra.cli.stderr import print_error

HELP = "Turns a video into renditions, audio, HLS, a thumbnail and a transcript."
EPILOG = """[dim]For example[/dim]

[cyan]mediajobs up[/cyan]  start a stack on this machine

[cyan]mediajobs submit talk.mp4 --watch[/cyan]  upload and process a file, and show the progress

[cyan]mediajobs download JOB_ID --into talk[/cyan]  download all outputs

[dim]Exit codes: 0 success, 1 the job or the API failed, 2 wrong use, 3 the API cannot be reached, 130 Ctrl-C.[/dim]"""


class Commands(TyperGroup):
    """Handles the errors of all commands: prints the message on stderr and sets the exit code."""

    def main(self, *args: Any, **options: Any) -> Any:
        try:
            try:
                return super().main(*args, **options)
            finally:
                sys.stdout.flush()  # a full disk must be reported before Python ends
        except OSError as error:  # not in `invoke`, because --help prints before a command is invoked
            _discard_stdout()
            sys.exit(EXIT_FAILED if error.errno == errno.EPIPE else _report(from_os_error(error)))

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except CommandError as error:
            raise typer.Exit(_report(error)) from error


def _report(error: CommandError) -> int:
    """Prints the error. Returns its exit code."""
    print_error(error)
    return error.exit_code


def _discard_stdout() -> None:
    """Redirects stdout to the null device: when Python ends, it would try to write the rest of the buffer again."""
    with suppress(OSError, ValueError):
        null_device = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null_device, sys.stdout.fileno())
        os.close(null_device)


app = typer.Typer(
    cls=Commands,
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_show_locals=False,  # they could contain an API key
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(rich_help_panel="Try it")(demo)
app.command(rich_help_panel="Jobs")(submit)
app.command(rich_help_panel="Jobs")(status)
app.command(rich_help_panel="Jobs")(watch)
app.command(rich_help_panel="Jobs")(download)
app.command(rich_help_panel="Jobs")(job_actions.cancel)
app.command(rich_help_panel="Jobs")(job_actions.retry)
app.command(rich_help_panel="Jobs")(job_actions.priority)
app.command(rich_help_panel="Jobs")(job_actions.delete)
app.command(rich_help_panel="Jobs")(stats)
app.command(rich_help_panel="Jobs")(usage)
app.command("list", rich_help_panel="Jobs")(list_jobs)
app.command(rich_help_panel="Jobs")(batch)
app.command(rich_help_panel="Jobs")(export)
webhook_deliveries.register(webhooks)
app.add_typer(webhooks, name="webhooks", rich_help_panel="Jobs")
app.command(rich_help_panel="A stack on this machine")(stack.up)
app.command(rich_help_panel="A stack on this machine")(stack.down)
app.command(rich_help_panel="A stack on this machine")(health)
app.command(rich_help_panel="A stack on this machine")(quota)
app.command(rich_help_panel="A stack on this machine")(source_buckets)
app.add_typer(keys, name="keys", rich_help_panel="A stack on this machine")
app.add_typer(models, name="models", rich_help_panel="A stack on this machine")
startup_interrupt.imports_done()
