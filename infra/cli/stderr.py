"""Prints errors and notices on stderr, so that stdout has only results."""

from rich.console import Console
from rich.text import Text

from infra.cli.command_errors import CommandError
from infra.cli.text_format import printable


def print_error(error: CommandError) -> None:
    """Prints `error: message`, then the hints. Only a terminal wraps lines; in a log a message stays in one line."""
    console = Console(stderr=True, highlight=False)
    one_line = not console.is_terminal
    console.print(Text.assemble((error.prefix, "bold red"), printable(error.message)), soft_wrap=one_line)
    for hint in error.hints:
        console.print(Text("  " + printable(hint)), soft_wrap=one_line)


def print_notice(text: str) -> None:
    Console(stderr=True, highlight=False).print(Text(printable(text), "dim"), soft_wrap=True)
