"""A CSV says what it is told, and a spreadsheet runs none of it."""

import csv
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mediajobs.exports import export as exports_export
from mediajobs.exports.export import Export, ExportJobs, escape_formula, fits, format_footer, format_header, format_rows
from mediajobs.jobs.lifecycle import Status
from mediajobs.listing.schemas import ListedJob

RUNS = ("=", "+", "-", "@", "\t", "\r", "\n", "＝", "＋", "－", "＠")  # noqa: RUF001 - the full-width forms
MOMENT = "2026-03-01T12:00:00.000Z"

cells = st.text(st.sampled_from([*RUNS, *"aü,;\"' \\'1"]), max_size=8) | st.text(
    st.characters(exclude_categories=["Cs"]), max_size=20
)


def job(filename: str = "talk.mp4", **fields: object) -> ListedJob:
    return ListedJob.model_validate(
        {
            "job_id": "01ARZ3NDEKTSV4RRFFQ69G5FAV",
            "status": Status.FAILED,
            "priority": 5,
            "filename": filename,
            "duration_seconds": None,
            "batch_id": None,
            "created_at": MOMENT,
            "updated_at": MOMENT,
            "completed_at": None,
            "progress": 0,
        }
        | fields
    )


def read(body: bytes, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(body.decode(), newline=""), delimiter=delimiter))


@given(filename=cells, batch_id=cells)
def test_a_csv_reads_back_as_what_was_written_or_with_a_quote_before_it(filename: str, batch_id: str) -> None:
    ((*_, name, duration, batch, created, _, completed, progress),) = read(
        format_rows("csv", [job(filename, batch_id=batch_id, duration_seconds=1.5)], first=False)
    )
    assert (duration, created, completed, progress) == ("1.5", MOMENT, "", "0")
    for cell, value in ((name, filename), (batch, batch_id)):
        assert not cell.startswith(RUNS)
        if ";" not in value and "\t" not in value:
            assert cell in (value, f"'{value}")
        if value.startswith(RUNS):
            assert cell.startswith("'")


@given(cells)
def test_no_cell_runs_where_cells_end_at_semicolons(filename: str) -> None:
    """As in a spreadsheet that expects semicolons, or takes both."""
    whole = escape_formula(filename)
    for piece in [part for at_semicolons in whole.split(";") for part in at_semicolons.split("\t")]:
        assert not piece.lstrip('" ').startswith(RUNS)


@pytest.mark.parametrize("name", ["talk.mp4", "a=b.mp4", "a-b;c.mp4", "it's.mov", "Über uns.mp4", "1+1.mp4"])
def test_an_ordinary_name_stays_as_it_is(name: str) -> None:
    assert escape_formula(name) == name


@pytest.mark.parametrize(
    ("name", "cell"),
    [
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
        (" =1+1", "' =1+1"),
        ("a;=1+1;b", "a;'=1+1;b"),
        ('a;"=1+1&"', 'a;\'"=1+1&"'),
        ("＠SUM(1)", "'＠SUM(1)"),  # noqa: RUF001
    ],
)
def test_what_a_spreadsheet_would_run_gets_a_quote_before_it(name: str, cell: str) -> None:
    assert escape_formula(name) == cell


def test_a_csv_is_rfc_4180() -> None:
    body = format_header("csv") + format_rows("csv", [job('a "b", c.mp4')], first=True) + format_footer("csv")
    header, line, rest = body.split(b"\r\n")
    assert header.decode() == ",".join(exports_export.COLUMNS)
    assert line.startswith(b'01ARZ3NDEKTSV4RRFFQ69G5FAV,failed,5,"a ""b"", c.mp4",,,2026')
    assert rest == b""


@given(st.lists(st.integers(0, 3), max_size=4))
def test_json_in_pieces_is_one_array(sizes: list[int]) -> None:
    body, rows = format_header("json"), 0
    for size in sizes:
        body += format_rows("json", [job(f"{number}.mp4") for number in range(size)], first=not rows)
        rows += size
    found = json.loads(body + format_footer("json"))
    assert [each["filename"] for each in found] == [f"{number}.mp4" for size in sizes for number in range(size)]


def test_an_answer_is_never_larger_than_a_function_may_give() -> None:
    assert fits("x" * 5_000_000)
    assert not fits("x" * 5_000_001)
    assert not fits("ü" * 2_500_001)
    assert not fits('"' * 4_000_000)


def test_an_export_survives_being_put_down() -> None:
    wanted = ExportJobs.model_validate({"status": "failed", "from_date": "2026-03-01", "format": "json"})
    export = Export(
        export_id="01ARZ3NDEKTSV4RRFFQ69G5FAV", account="a/b", request=wanted, position={"job_id": {"S": "1"}}
    )
    assert Export.model_validate(json.loads(export.model_dump_json())) == export
    assert export.key == "exports/a%2Fb/01ARZ3NDEKTSV4RRFFQ69G5FAV.json"
    assert export.filename == "jobs-20160730-235410.json"
