"""`mediajobs source-buckets`: what it stores, and what it says."""

import json

import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app
from mediajobs.accounts import source_bucket_store

runner = CliRunner()


def run(*arguments: str) -> Result:
    return runner.invoke(app, ["source-buckets", "--account", "blue", *arguments])


def test_entries_are_added_removed_and_listed(cloud: None) -> None:
    assert run().stdout == ""
    assert run("--allow", "studio/takes/", "--allow", "archive").stdout.split() == ["archive", "studio/takes"]
    result = run("--forbid", "archive", "--json")
    assert result.exit_code == 0, result.output
    assert json.loads(result.stdout) == {"account": "blue", "source_buckets": ["studio/takes"]}
    assert source_bucket_store.read("blue") == {"studio/takes"}
    assert source_bucket_store.read("green") == frozenset()


@pytest.mark.parametrize("wrong", ["s3://studio", "studio/../x", "*", "arn:aws:s3:::studio"])
def test_what_is_no_entry_is_refused(cloud: None, wrong: str) -> None:
    result = run("--allow", wrong)
    assert result.exit_code == 2
    assert "Write" in result.stderr
    assert source_bucket_store.read("blue") == frozenset()
