"""`mediajobs up` and `down`: a stack on this machine."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from infra.cli import target
from infra.cli.errors import CommandError
from infra.cli.options import console
from infra.cli.terminal.steps import step

if TYPE_CHECKING:
    from infra.local import Stack

Port = Annotated[
    int | None,
    typer.Option(metavar="N", envvar="MEDIAJOBS_PORT", min=0, max=65535, help="4566 where none is given; 0: any free."),
]


def up(port: Port = None) -> None:
    """Start it, or bring it up to date, and say how to use it."""
    from infra.local import usage

    out = console()
    with step(out, "starting a stack") as say:
        stack = bring_up(port, target.home(), say)
        say(f"the stack is up at {stack.endpoint_url}")
    out.print(Text(f"\n{usage(stack)}\n"), soft_wrap=True)
    out.print("Try it with [cyan]mediajobs submit FILE --watch[/cyan], stop it with [cyan]mediajobs down[/cyan].")


def down() -> None:
    """Stop it. Jobs, keys and files are kept for the next time."""
    with step(console(), "stopping the stack") as say:
        # A demo that was killed leaves its stack below.
        stopped = [bring_down(home) for home in (target.home(), target.home() / "demo")]
        say("the stack is stopped" if any(stopped) else "no stack was running")


def bring_up(port: int | None, home: Path, say: Callable[[str], None] = lambda _: None) -> "Stack":
    """The running stack; `say` is told what goes on."""
    from infra.local import StackError
    from infra.local import up as start  # botocore takes a moment: only for those who need it

    try:
        return start(port, home, say=say)
    except StackError as error:
        raise CommandError(str(error)) from error


def bring_down(home: Path) -> bool:
    """Whether there was anything to stop."""
    from infra.local import StackError
    from infra.local import down as stop

    try:
        return stop(home)
    except StackError as error:
        raise CommandError(str(error)) from error
