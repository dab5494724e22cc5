"""Logs one JSON object per line on stdout. A task is named by its claim's id, because its token is a credential."""

import json
import sys
from contextlib import suppress
from datetime import UTC, datetime


def log(event: str, **facts: str | int | float | None) -> None:
    line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **facts})
    with suppress(OSError):  # a full disk must not stop the worker
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
