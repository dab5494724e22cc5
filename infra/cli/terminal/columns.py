"""Rows in columns, of which those with ids are never cut: half an id names nothing."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

GAP = 2


def show_rows(out: Console, rows: Sequence[Sequence[str | Text]], gives: Mapping[int, int]) -> None:
    """`gives` names the columns that are folded where a line is too short for all, and how narrow they may become.
    Where even that is too wide, lines are longer than the screen, which wraps them."""
    cells = [[Text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*cells, strict=True)]
    if _together(widths) <= out.width:
        for row in cells:
            out.print(_line(row, widths), soft_wrap=True)
        return
    table = Table.grid(padding=(0, GAP))
    narrowest = [min(width, gives.get(number, width)) for number, width in enumerate(widths)]
    for number, least in enumerate(narrowest):
        table.add_column(no_wrap=number not in gives, overflow="fold", min_width=least)
    for row in cells:
        table.add_row(*row)
    out.width = max(out.width, _together(narrowest))
    out.print(table, crop=False)


def _together(widths: Sequence[int]) -> int:
    return sum(widths) + GAP * (len(widths) - 1)


def _line(row: Sequence[Text], widths: Sequence[int]) -> Text:
    """Without blanks at its end: in a pipe the widest cell may be far wider than any screen."""
    line = Text()
    for cell, width in zip(row, widths, strict=True):
        line.append(cell)
        line.append(" " * (width - cell.cell_len + GAP))
    line.rstrip()
    return line
