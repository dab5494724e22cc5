"""`mediajobs up` and `mediajobs down`: starts and stops the local stack."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from infra.cli.command_errors import CommandError
from infra.cli.output import console
from infra.cli.terminal.steps import step
from infra.paths import default_stack_folder

if TYPE_CHECKING:
    from infra.local import Stack

Port = Annotated[
    int | None,
    typer.Option(metavar="N", envvar="MEDIAJOBS_PORT", min=0, max=65535, help="By default 4566; 0: any free port."),
]


def up(port: Port = None) -> None:
    """Start the stack, or update a running one to the current code, and show how to use it."""
    from infra.local import usage_text

    out = console()
    with step(out, "starting a stack") as say:
        stack = start_stack(port, default_stack_folder(), say)
        say(f"the stack is up at {stack.endpoint_url}")
    out.print(Text(f"\n{usage_text(stack)}\n"), soft_wrap=True)
    out.print("Try it with [cyan]mediajobs submit FILE --watch[/cyan], stop it with [cyan]mediajobs down[/cyan].")


def down() -> None:
    """Stop the stack. Jobs, keys and files are kept for the next start."""
    with step(console(), "stopping the stack") as say:
        # A demo that was killed leaves its own stack, in a folder below.
        folders = (default_stack_folder(), default_stack_folder() / "demo")
        stopped = [stop_stack(folder) for folder in folders]
        say("the stack is stopped" if any(stopped) else "no stack was running")


def start_stack(port: int | None, folder: Path, say: Callable[[str], None] = lambda _: None) -> "Stack":
    """Starts or updates the stack. `say` gets a text for each step. Raises CommandError."""
    from infra.local import StackError
    from infra.local import up as start  # imported here because botocore takes long to import

    try:
        return start(port, folder, say=say)
    except StackError as error:
        raise CommandError(str(error)) from error


def stop_stack(folder: Path) -> bool:
    """Returns whether a stack was running. Raises CommandError."""
    from infra.local import StackError
    from infra.local import down as stop

    try:
        return stop(folder)
    except StackError as error:
        raise CommandError(str(error)) from error
