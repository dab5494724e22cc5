"""Prints rows in columns. Columns with ids are never shortened, because a part of an id is useless."""

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table
from rich.text import Text

COLUMN_GAP = 2


def print_rows(out: Console, rows: Sequence[Sequence[str | Text]], min_widths: Mapping[int, int]) -> None:
    """Folds cells if a row is wider than the console.

    `min_widths` maps the index of a column that may be folded to its smallest width. If the rows are still too wide,
    they are printed wider than the console, which wraps them.
    """
    cells = [[Text(cell) if isinstance(cell, str) else cell for cell in row] for row in rows]
    widths = [max(cell.cell_len for cell in column) for column in zip(*cells, strict=True)]
    if _row_width(widths) <= out.width:
        for row in cells:
            out.print(_padded_line(row, widths), soft_wrap=True)
        return
    narrowest = [min(width, min_widths.get(index, width)) for index, width in enumerate(widths)]
    table = Table.grid(padding=(0, COLUMN_GAP))
    for index, width in enumerate(narrowest):
        table.add_column(no_wrap=index not in min_widths, overflow="fold", min_width=width)
    for row in cells:
        table.add_row(*row)
    out.width = max(out.width, _row_width(narrowest))
    out.print(table, crop=False)


def _row_width(widths: Sequence[int]) -> int:
    return sum(widths) + COLUMN_GAP * (len(widths) - 1)


def _padded_line(row: Sequence[Text], widths: Sequence[int]) -> Text:
    """Without trailing spaces: in a pipe the widest cell may be wider than any terminal."""
    line = Text()
    for cell, width in zip(row, widths, strict=True):
        line.append(cell)
        line.append(" " * (width - cell.cell_len + COLUMN_GAP))
    line.rstrip()
    return line
