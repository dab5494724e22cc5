"""Quiet steps: what is being done, a mark when it is done, and how long it took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.text import Text

from infra.cli.errors import printable
from infra.cli.terminal.durations import duration

WIDTH = 54


@contextmanager
def step(console: Console, what: str) -> Iterator[Callable[[str], None]]:
    """Show `what` while it runs; the function that is given changes the words."""
    began, words = time.monotonic(), what
    status = console.status(Text(what), spinner="dots") if console.is_terminal else None

    def say(text: str) -> None:
        nonlocal words
        words = text
        if status:
            status.update(Text(text))

    with status or nullcontext():
        try:
            yield say
        except BaseException:  # Ctrl-C too: the line is ended; raised again
            _line(console, "✗", "red", words, time.monotonic() - began)
            raise
    _line(console, "✓", "green", words, time.monotonic() - began)


def _line(console: Console, mark: str, colour: str, what: str, seconds: float) -> None:
    line = Text.assemble("  ", (mark, colour), " ", printable(what).ljust(WIDTH), (f"{duration(seconds):>10}", "dim"))
    console.print(line, soft_wrap=True)
