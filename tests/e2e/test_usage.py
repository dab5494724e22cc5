"""Usage and quotas on the deployed stack, by HTTP and on the command line."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest

from infra.local import Stack
from tests.e2e.conftest import Api
from tests.support.waiting import HANG_SECONDS

ACCOUNT = "thrifty"
Command = Callable[..., str]


@pytest.fixture
def mediajobs(stack: Stack) -> Command:
    def run(*arguments: str, **environment: str) -> str:
        done = subprocess.run(
            [sys.executable, "-c", "from infra.cli.main import app; app()", *arguments],
            env={**os.environ, **stack.environment, "COLUMNS": "200", **environment},
            capture_output=True,
            text=True,
            timeout=HANG_SECONDS,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


def test_an_account_is_held_to_its_quotas_and_sees_what_it_used(stack: Stack, mediajobs: Command) -> None:
    key = mediajobs("keys", "create", "--account", ACCOUNT).splitlines()[-1]
    assert "1,000,000" in mediajobs(
        "quota", "--account", ACCOUNT, "--concurrent-jobs", "1", "--stored-bytes", "1000000"
    )
    api = Api(stack.api_url, key)
    first = api.create(filename="a.mp4")["job_id"]
    refused = api.ask("POST", "/jobs", json={"filename": "b.mp4"})
    assert (refused.status_code, refused.json()["violated-policies"]) == (429, ["concurrent-jobs"])
    assert int(refused.headers["Retry-After"]) > 0
    assert api.ask("POST", f"/jobs/{first}/cancel").status_code == 200
    too_large = api.ask("POST", "/jobs", json={"filename": "c.mp4", "size_bytes": 1_000_001})
    assert (too_large.status_code, too_large.json()["violated-policies"]) == (403, ["stored-bytes"])
    api.create(filename="d.mp4", size_bytes=1_000_000)

    used = api.ask("GET", "/usage").json()
    told: Counter[tuple[str, str]] = Counter()
    for day in used["requests"]["by_day"]:
        for route, classes in day["by_route"].items():
            told.update({(route, name): number for name, number in classes.items()})
    assert told == {
        ("GET /usage", "2xx"): 1,
        ("POST /jobs", "2xx"): 2,
        ("POST /jobs", "4xx"): 2,
        ("POST /jobs/{job_id}/cancel", "2xx"): 1,
    }
    assert used["quotas"]["concurrent_jobs"] == {"limit": 1, "used": 1}
    shown = " ".join(mediajobs("usage", MEDIAJOBS_API_URL=stack.api_url, MEDIAJOBS_API_KEY=key).split())
    assert "together 7 requests" in shown
    assert "of 1.0 MB" in shown
