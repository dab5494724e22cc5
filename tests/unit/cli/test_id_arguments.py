"""An id of another form is wrong use: nothing is asked of the API, and of no other route."""

import pytest
from typer.testing import CliRunner

from infra.cli.main import app
from tests.unit.cli.conftest import JOB_ID, FakeApi

WEBHOOK_ID, DELIVERY_ID = f"wh_{JOB_ID}", f"dl_{JOB_ID}"


@pytest.mark.parametrize("odd", ["", "stats", "export", "..", f"{JOB_ID}/cancel", JOB_ID.lower()])
@pytest.mark.parametrize(
    "before",
    [
        ["status"],
        ["watch"],
        ["download"],
        ["cancel"],
        ["retry"],
        ["delete", "--yes"],
        ["webhooks", "show"],
        ["webhooks", "deliveries", WEBHOOK_ID, "--job"],
        ["webhooks", "delivery", WEBHOOK_ID],
        ["keys", "revoke"],
    ],
    ids=" ".join,
)
def test_it_is_refused_before_any_request(api: FakeApi, before: list[str], odd: str) -> None:
    result = CliRunner().invoke(app, [*before, odd])
    assert result.exit_code == 2, result.output
    assert "id " in result.stderr
    assert api.asked == []


@pytest.mark.parametrize(
    "arguments",
    [
        ["priority", "", "5"],
        ["webhooks", "delivery", "", DELIVERY_ID],
        ["batch", ""],
        ["batch", ".."],
        ["list", "--batch", "a/b"],
    ],
    ids=" ".join,
)
def test_so_are_these(api: FakeApi, arguments: list[str]) -> None:
    assert CliRunner().invoke(app, arguments).exit_code == 2
    assert api.asked == []
