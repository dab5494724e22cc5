"""A question at the terminal that is answered with yes or no."""

import os
import select
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer

_ANSWERS = {"y": True, "yes": True, "n": False, "no": False, "": False}


def confirm(question: str) -> bool:
    """Asks until the answer is yes or no; an empty line is no.

    Raises KeyboardInterrupt at Ctrl-C and EOFError at the end of the input.
    """
    with _wake_up_at_signals() as signals:
        while True:
            typer.echo(f"{question} [y/N]: ", nl=False)
            select.select([sys.stdin, signals], [], [])
            line = sys.stdin.readline()
            if not line:
                raise EOFError
            if (answer := _ANSWERS.get(line.strip().lower())) is not None:
                return answer
            typer.echo("Error: invalid input")


@contextmanager
def _wake_up_at_signals() -> Iterator[int]:
    """A file descriptor that becomes readable at a signal.

    Python handles a signal between two of its own steps. One that arrives just before a system call starts to wait does
    not end that call, so `input()` loses it. `select` on this descriptor returns, and the handler runs.
    """
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    before = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield reader
    finally:
        signal.set_wakeup_fd(before)
        os.close(reader)
        os.close(writer)
