"""Prints results on stdout."""

import os
from typing import Any

from rich.console import Console
from rich.text import Text

from infra.cli.terminal.json_lines import print_document

_UNLIMITED_WIDTH = 10_000  # columns


def console() -> Console:
    """A console on stdout that prints a question mark for a character that the encoding lacks.

    In a pipe or a file, lines are not wrapped.
    """
    out = Console(highlight=False)
    if not out.is_terminal and not os.environ.get("COLUMNS"):
        out.width = _UNLIMITED_WIDTH
    if reconfigure := getattr(out.file, "reconfigure", None):
        reconfigure(errors="replace")
    return out


def print_result(document: dict[str, Any], text: str, *, as_json: bool) -> None:
    """Prints the API's document as JSON, or else the text."""
    if as_json:
        print_document(document)
    else:
        console().print(Text(text), soft_wrap=True)
