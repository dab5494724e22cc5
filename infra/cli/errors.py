"""What can go wrong on the command line, with its exit code and its cure.

Exit codes: 1 the job or the API failed, 2 wrong use, 3 the API cannot be reached, 130 Ctrl-C.
"""

import os
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

FAILED, USAGE, UNREACHABLE, INTERRUPTED = 1, 2, 3, 130


class CommandError(Exception):
    """Ends the command with one clear message; `hints` are printed below it, a line each."""

    exit_code = FAILED
    title = "error: "

    def __init__(self, message: str, *, hints: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hints = tuple(hints)


class UsageError(CommandError):
    """The caller can put it right: a missing file, a missing key, an output that is in the way."""

    exit_code = USAGE


class UnreachableError(CommandError):
    """No answer came, after all retries."""

    exit_code = UNREACHABLE


class StoppedError(CommandError):
    """Ctrl-C, at a place where there is something to say about it."""

    exit_code = INTERRUPTED
    title = ""  # it is what was asked for


class RefusedError(CommandError):
    """The API answered with a problem document (RFC 9457) or another error status."""

    def __init__(self, status: int, title: str, detail: str = "", *, hints: Sequence[str] = ()) -> None:
        super().__init__(f"{title} ({status})" + (f": {detail}" if detail else ""), hints=hints)
        self.status = status


def of_system(error: OSError) -> CommandError:
    """For what the system does not allow: there is no such folder, no right, no room. Raises what it does not know."""
    if error.errno is None:
        raise error
    reason = (error.strerror or os.strerror(error.errno)).lower()
    if error.filename is None:
        return CommandError(f"The output cannot be written: {reason}.")
    return UsageError(f"{os.fsdecode(error.filename)}: {reason}.")


def show(failure: CommandError, console: Console) -> None:
    """Print the failure: `error: message`, or what stopped, then its hints."""
    in_one_line = not console.is_terminal  # a log is searched by line, a screen is read by word
    console.print(Text.assemble((failure.title, "bold red"), printable(failure.message)), soft_wrap=in_one_line)
    for hint in failure.hints:
        console.print(Text("  " + printable(hint)), soft_wrap=in_one_line)


def notice(text: str) -> None:
    """On stderr, where it is in nobody's way."""
    Console(stderr=True, highlight=False).print(Text(printable(text), "dim"), soft_wrap=True)


def counted(number: int, noun: str, many: str = "") -> str:
    return f"{number} {noun if number == 1 else many or f'{noun}s'}"


def printable(text: str) -> str:
    """Text from elsewhere without control characters: a file name must not steer the terminal."""
    return "".join(char if char.isprintable() or char == "\n" else " " for char in text)
