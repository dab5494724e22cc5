"""Shows one step of a command: what it does, its result as a mark, and its duration."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext

from rich.console import Console
from rich.text import Text

from infra.cli.terminal.durations import format_duration
from infra.cli.text_format import printable

TEXT_WIDTH = 54


@contextmanager
def step(console: Console, text: str) -> Iterator[Callable[[str], None]]:
    """Shows `text` while the body runs. The yielded function replaces the text."""
    started, latest = time.monotonic(), text
    status = console.status(Text(text), spinner="dots") if console.is_terminal else None

    def say(new_text: str) -> None:
        nonlocal latest
        latest = new_text
        if status:
            status.update(Text(new_text))

    with status or nullcontext():
        try:
            yield say
        except BaseException:  # KeyboardInterrupt as well: the line is printed; raised again
            _print_line(console, "✗", "red", latest, time.monotonic() - started)
            raise
    _print_line(console, "✓", "green", latest, time.monotonic() - started)


def _print_line(console: Console, mark: str, colour: str, text: str, seconds: float) -> None:
    duration = f"{format_duration(seconds):>10}"
    line = Text.assemble("  ", (mark, colour), " ", printable(text).ljust(TEXT_WIDTH), (duration, "dim"))
    console.print(line, soft_wrap=True)
