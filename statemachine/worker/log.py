"""One JSON object per line on stdout. Tasks are named by their claim: a token is as good as a password for its task."""

import json
import sys
from contextlib import suppress
from datetime import UTC, datetime


def log(event: str, **facts: str | int | float | None) -> None:
    line = json.dumps({"time": datetime.now(UTC).isoformat(timespec="milliseconds"), "event": event, **facts})
    with suppress(OSError):  # a full disk must not stop the work
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
