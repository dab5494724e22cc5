"""The command `mediajobs`."""

# isort: off
from infra.cli import startup_interrupt  # the others take half a second

# isort: on
import errno
import os
import sys
from contextlib import suppress
from typing import Any

import typer
from rich.console import Console
from typer.core import TyperGroup

from infra.cli.commands import job_commands, stack, webhook_deliveries
from infra.cli.commands.batch import batch
from infra.cli.commands.demo import demo
from infra.cli.commands.export import export
from infra.cli.commands.health import health
from infra.cli.commands.keys import keys
from infra.cli.commands.list_jobs import list_jobs
from infra.cli.commands.models import models
from infra.cli.commands.quota import quota
from infra.cli.commands.stats import stats
from infra.cli.commands.status import download, status, watch
from infra.cli.commands.submit import submit
from infra.cli.commands.usage import usage
from infra.cli.commands.webhooks import webhooks
from infra.cli.errors import FAILED, CommandError, of_system, show

HELP = "Video in; renditions, audio, HLS, a thumbnail and a transcript out."
EPILOG = """[dim]For example[/dim]

[cyan]mediajobs up[/cyan]  a stack on this machine

[cyan]mediajobs submit talk.mp4 --watch[/cyan]  upload, process, look on

[cyan]mediajobs download JOB_ID --into talk[/cyan]  fetch everything that was made

[dim]Exit codes: 0 all is well, 1 the job or the API failed, 2 wrong use, 3 no connection, 130 Ctrl-C.[/dim]"""


class Commands(TyperGroup):
    """Every command ends a failure in one place: its message on stderr, its exit code."""

    def main(self, *args: Any, **more: Any) -> Any:
        try:
            try:
                return super().main(*args, **more)
            finally:
                sys.stdout.flush()  # here it can still be said that there is no room
        except OSError as error:  # --help prints before there is a command
            _let_go_of_output()
            sys.exit(FAILED if error.errno == errno.EPIPE else _end(of_system(error)))

    def invoke(self, ctx: typer.Context) -> object:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except CommandError as failure:
            raise typer.Exit(_end(failure)) from failure


def _end(failure: CommandError) -> int:
    show(failure, Console(stderr=True, highlight=False))
    return failure.exit_code


def _let_go_of_output() -> None:
    """What could not be written is still in its buffer, and would be tried again as Python ends."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


app = typer.Typer(
    cls=Commands,
    help=HELP,
    epilog=EPILOG,
    no_args_is_help=True,
    rich_markup_mode="rich",
    add_completion=False,
    pretty_exceptions_show_locals=False,  # a key could be among them
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command(rich_help_panel="Try it")(demo)
app.command(rich_help_panel="Jobs")(submit)
app.command(rich_help_panel="Jobs")(status)
app.command(rich_help_panel="Jobs")(watch)
app.command(rich_help_panel="Jobs")(download)
app.command(rich_help_panel="Jobs")(job_commands.cancel)
app.command(rich_help_panel="Jobs")(job_commands.retry)
app.command(rich_help_panel="Jobs")(job_commands.priority)
app.command(rich_help_panel="Jobs")(job_commands.delete)
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
app.add_typer(keys, name="keys", rich_help_panel="A stack on this machine")
app.add_typer(models, name="models", rich_help_panel="A stack on this machine")
startup_interrupt.loaded()
