"""Exports: a list of jobs as one file, and how far one that takes long has come."""

import csv
import io
import re
from collections.abc import Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote

from pydantic import ConfigDict, Field, RootModel
from ulid import ULID

from mediajobs.base_model import LazyModel
from mediajobs.listing.schemas import ListedJob, OrderedJobs

Format = Literal["csv", "json"]


class ExportJobs(OrderedJobs):
    """`GET /jobs/export`."""

    format: Annotated[Format, Field(description="A table, or the list's own documents.")] = "csv"


class ExportedJobs(RootModel[list[ListedJob]]):
    """What a list says in pages, in one."""


class RunningExport(LazyModel):
    """An export that takes a while. It is `running`; when it is ready, its address leads to the file."""

    export_id: str
    status: Literal["running"] = "running"


CONTENT_TYPES: dict[Format, str] = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
COLUMNS = tuple(ListedJob.model_fields)
INLINE = 5_000_000  # bytes; more is no answer but an object
_LARGEST_ANSWER = 6_000_000  # bytes as JSON: Lambda gives at most 6 MiB, headers included
# Spreadsheets run a cell that begins so. Where they split at semicolons, as in much of Europe, one begins after each;
# quotes and blanks before it are taken off by some.
_RUNS = re.compile(r'(?:^|(?<=[;\t]))(?=["\s]*[=+\-@\t\r\n＝＋－＠])')  # noqa: RUF001 - the full-width forms


class Export(LazyModel):
    """An export as JSON: everything that is needed to go on with it.

    `position`: where the list goes on. `parts`: what S3 has, as it wants them listed. `tail_key`: the key of an object
    with what came after them.
    """

    model_config = ConfigDict(frozen=True)

    export_id: str
    account: str
    request: ExportJobs
    position: dict[str, Any] | None = None
    rows: int = 0
    ended: bool = False
    upload_id: str | None = None
    parts: tuple[dict[str, Any], ...] = ()
    tail_key: str | None = None

    @property
    def format(self) -> Format:
        return self.request.format

    @property
    def key(self) -> str:
        """Where the object will lie."""
        return f"exports/{quote(self.account, safe='')}/{self.export_id}.{self.format}"

    @property
    def filename(self) -> str:
        """`jobs-20260301-120000.csv`: when it was asked for, in UTC."""
        return f"jobs-{ULID.from_str(self.export_id).datetime:%Y%m%d-%H%M%S}.{self.format}"


def format_header(form: Format) -> bytes:
    return _lines([COLUMNS]) if form == "csv" else b"["


def format_rows(form: Format, jobs: Sequence[ListedJob], *, first: bool) -> bytes:
    """The jobs as they lie in the file; `first`: none are before them."""
    if form == "csv":
        return _lines([_cells(job) for job in jobs])
    if not jobs:
        return b""
    return (b"" if first else b",") + ",".join(job.model_dump_json() for job in jobs).encode()


def format_footer(form: Format) -> bytes:
    return b"" if form == "csv" else b"]"


def fits(body: str) -> bool:
    """Whether it can be answered as it is. A function's answer is JSON, in which every quote takes two bytes."""
    size = len(body.encode())
    if size > INLINE:
        return False
    return size + body.count('"') + body.count("\\") + body.count("\n") + body.count("\r") <= _LARGEST_ANSWER


def escape_formula(cell: str) -> str:
    """The cell with a `'` before whatever a spreadsheet would run."""
    return _RUNS.sub("'", cell)


def _cells(job: ListedJob) -> list[Any]:
    return [
        escape_formula(value) if isinstance(value, str) else value for value in job.model_dump(mode="json").values()
    ]


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    """RFC 4180: commas, CRLF, quotes where they are needed. Null is an empty cell."""
    made = io.StringIO(newline="")
    csv.writer(made).writerows(rows)
    return made.getvalue().encode()
