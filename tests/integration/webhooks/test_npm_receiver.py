"""A receiver written with the npm package `standardwebhooks` accepts what we send, and nothing else."""

import json
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mediajobs.webhooks.signatures import assemble_secret, headers
from tests.support import node_packages
from tests.support.waiting import HANG_SECONDS

SECRET, OLD, OTHER = (assemble_secret(bytes([number]) * 32) for number in (1, 2, 3))
BODY = json.dumps({"event": "job.completed", "filename": "Füße.mp4"})


@pytest.fixture(scope="module")
def room() -> Path:
    """The pinned package, from the registry that npm knows."""
    return node_packages.folder()


def accepted(room: Path, *asked: dict[str, Any]) -> list[bool]:
    done = subprocess.run(
        ["node", "verify.js"],
        cwd=room,
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        check=True,
        timeout=HANG_SECONDS,
    )
    answers: list[bool] = json.loads(done.stdout)
    return answers


def request(secret: str, *signing: str, body: str = BODY, age: float = 0) -> dict[str, Any]:
    """What came, and the secret that the receiver has."""
    sent = datetime.now(UTC) - timedelta(minutes=age)
    return {"secret": secret, "body": body, "headers": headers("msg_1", sent, BODY, signing)}


def test_it_accepts_ours_and_refuses_what_is_not(room: Path) -> None:
    assert accepted(
        room,
        request(SECRET, SECRET),
        request(SECRET, SECRET, OLD),  # during a rotation both are good
        request(OLD, SECRET, OLD),
        request(OTHER, SECRET, OLD),
        request(SECRET, SECRET, body=BODY.replace("completed", "failed")),
        request(SECRET, SECRET, age=6),
        request(SECRET, SECRET, age=-6),
    ) == [True, True, True, False, False, False, False]
