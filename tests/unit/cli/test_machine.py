"""`mediajobs keys`, `models`, `up` and `down`: what they store, and what they say."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from infra.cli.main import app
from infra.local import StackError
from infra.whisper_models import ModelError
from mediajobs.accounts import authentication_service, key_store

runner = CliRunner()


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MEDIAJOBS_HOME", str(tmp_path))
    monkeypatch.delenv("API_KEYS_TABLE", raising=False)
    return tmp_path


def run(*arguments: str) -> Result:
    return runner.invoke(app, list(arguments))


def test_a_key_for_a_deployment_is_printed_alone_and_opens_the_account(cloud: None) -> None:
    result = run("keys", "create", "--account", "blue", "--limit", "7")

    assert result.exit_code == 0, result.output
    caller = authentication_service.by_key(result.stdout.removesuffix("\n"), "u2#GET /jobs")
    assert caller is not None
    assert caller.account == "blue"
    assert caller.window is not None
    assert caller.window.limit == 7


def test_keys_are_listed_limited_and_revoked(cloud: None) -> None:
    first, second = (key_store.create("blue") for _ in range(2))
    key_store.create("green")
    key_id = second.split("_")[1]

    assert run("keys", "limit", key_id, "9").exit_code == 0
    assert run("keys", "revoke", key_id).exit_code == 0
    listed = [json.loads(line) for line in run("keys", "list", "--account", "blue", "--json").stdout.splitlines()]

    assert [key["key_id"] for key in listed] == [first.split("_")[1], key_id]
    assert [key["requests_per_minute"] for key in listed] == [100, 9]
    assert [key["revoked_at"] is None for key in listed] == [True, False]
    assert authentication_service.by_key(second, "u2#GET /jobs") is None
    assert authentication_service.by_key(first, "u2#GET /jobs") is not None
    shown = run("keys", "list", "--account", "blue").stdout
    assert key_id in shown
    assert "revoked" in shown
    assert first.split("_")[2] not in shown
    assert "no keys" in run("keys", "list", "--account", "red").stdout


def test_a_key_that_nobody_has_can_neither_be_limited_nor_revoked(cloud: None) -> None:
    for arguments in (("revoke", "nobodyskey00"), ("limit", "nobodyskey00", "5")):
        result = run("keys", *arguments)

        assert result.exit_code == 1
        assert "There is no key nobodyskey00" in result.stderr
    assert run("keys", "limit", "nobodyskey00", "0").exit_code == 2


def test_a_revoked_key_gets_no_other_limit(cloud: None) -> None:
    key_id = key_store.create("blue").split("_")[1]
    key_store.revoke(key_id)
    result = run("keys", "limit", key_id, "7")

    assert result.exit_code == 1
    assert "is revoked" in result.stderr
    assert "mediajobs keys create" in result.stderr
    assert [key.requests_per_minute for key in key_store.of_account("blue")] == [100]
    assert run("keys", "revoke", key_id).exit_code == 0


@pytest.mark.parametrize("name", ["", "#pending", "a b", "a/b", "x" * 65])
def test_what_is_no_name_of_an_account_is_refused(cloud: None, name: str) -> None:
    for command in (["keys", "create"], ["keys", "list"], ["quota"]):
        refused = run(*command, "--account", name)
        assert refused.exit_code == 2
        assert "letters, digits" in refused.stderr


def test_without_a_stack_a_key_needs_a_table() -> None:
    result = run("keys", "create", "--account", "blue")

    assert result.exit_code == 2
    assert "mediajobs up" in result.stderr
    assert "API_KEYS_TABLE" in result.stderr


def test_an_endpoint_without_a_table_is_wrong_use() -> None:
    result = run("keys", "create", "--account", "blue", "--endpoint", "http://127.0.0.1:9")

    assert result.exit_code == 2
    assert "API_KEYS_TABLE must name the table" in result.stderr


def test_a_stack_that_cannot_start_says_why_in_its_own_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def up(*_: object, **__: object) -> None:
        raise StackError("port 4566 is in use: choose another")

    monkeypatch.setattr("infra.local.up", up)

    result = run("up")

    assert result.exit_code == 1
    assert "error: port 4566 is in use: choose another" in result.stderr


def test_down_says_so_where_nothing_runs() -> None:
    result = run("down")

    assert result.exit_code == 0, result.output
    assert "no stack was running" in result.stdout


def test_an_unknown_model_is_refused_with_a_cure(tmp_path: Path) -> None:
    result = run("models", "pull", "huge", "--into", str(tmp_path))

    assert result.exit_code == 1
    assert "is not pinned here" in result.stderr


def test_a_model_that_cannot_be_had_is_an_error_and_not_a_crash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def pull(*_: object) -> None:
        raise ModelError("no network")

    monkeypatch.setattr("infra.whisper_models.pull", pull)

    result = run("models", "pull", "base", "--into", str(tmp_path))

    assert result.exit_code == 1
    assert "error: no network" in result.stderr


def test_the_list_tells_which_models_are_here(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    for name in ("model.bin", "config.json", "tokenizer.json", "vocabulary.txt"):
        (tmp_path / "mine" / name).touch()

    result = run("models", "list", "--into", str(tmp_path))

    lines = {line.split()[0]: line.rstrip() for line in result.stdout.splitlines()}
    assert lines["mine"].endswith("here")
    assert "mediajobs models pull base" in lines["base"]


@pytest.mark.parametrize("command", ["demo", "submit", "status", "download", "up", "down", "health", "keys", "models"])
def test_every_command_explains_itself(command: str) -> None:
    assert f" {command} " in run("--help").stdout
    assert run(command, "--help").exit_code == 0
