"""Errors that end a command, with their exit codes.

Exit codes: 1 the job or the API failed, 2 wrong use, 3 the API cannot be reached, 130 Ctrl-C.
"""

import os
from collections.abc import Sequence

EXIT_FAILED, EXIT_USAGE, EXIT_UNREACHABLE, EXIT_INTERRUPTED = 1, 2, 3, 130


class CommandError(Exception):
    """Ends the command with one message. `hints` are printed below it, one a line."""

    exit_code = EXIT_FAILED
    prefix = "error: "

    def __init__(self, message: str, *, hints: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.hints = tuple(hints)


class UsageError(CommandError):
    """The caller can correct it: a missing file, a missing key, an output file that exists."""

    exit_code = EXIT_USAGE


class UnreachableError(CommandError):
    """No response after all attempts."""

    exit_code = EXIT_UNREACHABLE


class StoppedError(CommandError):
    """Ctrl-C where the user needs to know the consequences."""

    exit_code = EXIT_INTERRUPTED
    prefix = ""  # the user asked for it, so it is no error


class ApiError(CommandError):
    """The API answered with a problem document (RFC 9457) or another error status."""

    def __init__(self, status: int, title: str, detail: str = "", *, hints: Sequence[str] = ()) -> None:
        super().__init__(f"{title} ({status})" + (f": {detail}" if detail else ""), hints=hints)
        self.status = status


def from_os_error(error: OSError) -> CommandError:
    """The error for a missing folder, missing permissions or a full disk. Raises `error` again if it has no number."""
    if error.errno is None:
        raise error
    reason = (error.strerror or os.strerror(error.errno)).lower()
    if error.filename is None:
        return CommandError(f"The output cannot be written: {reason}.")
    return UsageError(f"{os.fsdecode(error.filename)}: {reason}.")
