"""Exports: a list of jobs as one file, and the state of an export that takes long."""

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

    format: Annotated[Format, Field(description="`csv` is a table, `json` the documents of the list.")] = "csv"


class ExportedJobs(RootModel[list[ListedJob]]):
    """All documents of a list, in one array."""


class RunningExport(LazyModel):
    """An export that is still made. Once it is ready, its address redirects to the file."""

    export_id: str
    status: Literal["running"] = "running"


CONTENT_TYPES: dict[Format, str] = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
COLUMNS = tuple(ListedJob.model_fields)
MAX_INLINE_BYTES = 5_000_000  # a larger export is not answered inline but becomes an object
_MAX_ANSWER_BYTES = 6_000_000  # as JSON: Lambda returns at most 6 MiB, headers included
# Spreadsheets evaluate a cell that begins like this. Those that split at semicolons, as in much of Europe, begin a cell
# after each semicolon. Some strip quotes and blanks at the beginning.
_RUNS = re.compile(r'(?:^|(?<=[;\t]))(?=["\s]*[=+\-@\t\r\n＝＋－＠])')  # noqa: RUF001 - the full-width forms


class Export(LazyModel):
    """The state of an export as JSON: everything that is needed to resume it.

    `position`: where the list goes on. `parts`: the uploaded parts, as S3's CompleteMultipartUpload takes them.
    `tail_key`: the key of an object with the bytes after these parts.
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
        """The key of the finished file."""
        return f"exports/{quote(self.account, safe='')}/{self.export_id}.{self.format}"

    @property
    def filename(self) -> str:
        """`jobs-20260301-120000.csv`, after the time of the request in UTC."""
        return f"jobs-{ULID.from_str(self.export_id).datetime:%Y%m%d-%H%M%S}.{self.format}"


def format_header(format_: Format) -> bytes:
    return _lines([COLUMNS]) if format_ == "csv" else b"["


def format_rows(format_: Format, jobs: Sequence[ListedJob], *, first: bool) -> bytes:
    """Returns the jobs as bytes of the file. `first`: whether they are the first jobs in it."""
    if format_ == "csv":
        return _lines([_cells(job) for job in jobs])
    if not jobs:
        return b""
    return (b"" if first else b",") + ",".join(job.model_dump_json() for job in jobs).encode()


def format_footer(format_: Format) -> bytes:
    return b"" if format_ == "csv" else b"]"


def fits(body: str) -> bool:
    """Returns whether the body can be answered inline.

    Lambda encodes answers as JSON, in which quotes, backslashes and line ends take two bytes.
    """
    size = len(body.encode())
    if size > MAX_INLINE_BYTES:
        return False
    return size + body.count('"') + body.count("\\") + body.count("\n") + body.count("\r") <= _MAX_ANSWER_BYTES


def escape_formula(cell: str) -> str:
    """Returns the cell with a `'` before everything that a spreadsheet would evaluate."""
    return _RUNS.sub("'", cell)


def _cells(job: ListedJob) -> list[Any]:
    return [
        escape_formula(value) if isinstance(value, str) else value for value in job.model_dump(mode="json").values()
    ]


def _lines(rows: Sequence[Sequence[Any]]) -> bytes:
    """Returns CSV as of RFC 4180: commas, CRLF, quotes where needed. Null is an empty cell."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows(rows)
    return text.getvalue().encode()
