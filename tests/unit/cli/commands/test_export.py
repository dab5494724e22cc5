"""`mediajobs export`: whatever the API answers, the file is the same."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app
from tests.unit.cli.conftest import KEY, FakeApi


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["export", *map(str, arguments)])


@pytest.mark.parametrize("rounds", [None, 0, 2], ids=["in the answer", "elsewhere", "later"])
def test_an_export_is_written_to_standard_output(api: FakeApi, rounds: int | None) -> None:
    api.export_rounds = rounds
    result = run("--format", "csv", "--status", "failed", "--search", "ü", "--ascending")
    assert result.exit_code == 0, result.output
    assert result.stdout_bytes == api.files["jobs.csv"]
    assert api.queries[0] == "status=failed&search=%C3%BC&format=csv&sort_by=created_at&sort_order=asc"
    assert [path for _, path, _, _ in api.asked].count("/restapis/a1/local/exports/E1") == (rounds or 0)


@pytest.mark.parametrize(("content", "shown"), [(b"[]", b"[]\n"), (b"a\r\n", b"a\r\n"), (b"", b"")])
def test_on_a_terminal_the_prompt_begins_a_line(
    api: FakeApi, content: bytes, shown: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.files["jobs.csv"] = content
    assert run().stdout_bytes == content
    monkeypatch.setattr("typer.testing._NamedTextIOWrapper.isatty", lambda _: True)
    assert run().stdout_bytes == shown


def test_the_key_stays_with_the_api(api: FakeApi) -> None:
    api.export_rounds = 1
    assert run().exit_code == 0
    keys = {path.startswith("/bucket/"): headers.get("x-api-key") for _, path, headers, _ in api.asked}
    assert keys == {True: None, False: KEY}


def test_an_export_is_written_to_a_file_and_never_over_another(api: FakeApi, tmp_path: Path) -> None:
    file = tmp_path / "jobs.csv"
    assert run("--output", file).exit_code == 0
    assert file.read_bytes() == api.files["jobs.csv"]
    assert run("--output", file).exit_code == 2
    assert run("--output", file, "--force").exit_code == 0
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == ["jobs.csv"]


@pytest.mark.parametrize(
    ("place", "cure"),
    [
        (".", "Name a file in it"),
        ("nodir/jobs.csv", "There is no folder nodir."),
        ("home/a/b", "There is no folder home/a."),
    ],
)
def test_where_no_file_can_be_is_wrong_use(api: FakeApi, place: str, cure: str) -> None:
    result = run("--output", place, "--force")
    assert result.exit_code == 2
    assert cure in result.stderr
    assert api.asked == []


def test_a_broken_download_leaves_no_file(api: FakeApi, tmp_path: Path) -> None:
    api.export_rounds = 0
    api.announced["jobs.csv"] = 9999
    result = run("--output", tmp_path / "jobs.csv")
    assert result.exit_code != 0
    assert "again" in result.stderr
    assert [path.name for path in tmp_path.iterdir() if path.name != "home"] == []


def test_what_the_api_refuses_is_said(api: FakeApi) -> None:
    api.failures["/restapis/a1/local/jobs/export"] = [422]
    result = run()
    assert result.exit_code == 1
    assert "422" in result.stderr
