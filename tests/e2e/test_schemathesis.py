"""The deployed API does what its own OpenAPI document says: schemathesis tries to show otherwise."""

import os
import subprocess
import sys
from pathlib import Path

from infra.local import Stack
from tests.e2e.conftest import caller

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
SCHEMATHESIS = str(Path(sys.executable).with_name("schemathesis"))
PHASES = "examples,coverage,fuzzing,stateful"
SECONDS = 1200  # ends a hang; alone it takes a fraction


def test_schemathesis_finds_nothing_with_all_checks_in_all_phases(stack: Stack) -> None:
    key = caller(stack, "schemathesis", 1_000_000).key
    command = (
        f"run {stack.api_url}/openapi.json --url {stack.api_url} --no-color --checks all --phases {PHASES}".split()
    )
    done = subprocess.run(
        [SCHEMATHESIS, "--config-file", str(HERE / "schemathesis.toml"), *command, "--header", f"X-API-Key: {key}"],
        env=os.environ | {"PYTHONPATH": str(ROOT)},  # its hooks are a module of these tests
        capture_output=True,
        text=True,
        check=False,
        timeout=SECONDS,
    )
    assert done.returncode == 0, done.stdout[-20_000:] + done.stderr
    said = " ".join(done.stdout.split())
    for phase in PHASES.split(","):
        assert f"✅ {phase.title()}" in said
