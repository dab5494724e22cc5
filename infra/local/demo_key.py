"""`python -m infra.local.demo_key FILE LIMIT`: the key to try a stack with, on stdout.

A process of its own, because the store finds its table through the environment.
"""

import sys
from pathlib import Path

from infra.local.home import write_private
from mediajobs.accounts import key_store
from mediajobs.accounts.rate_limits import RateLimitExceeded
from mediajobs.accounts.usage import counter

ACCOUNT = "demo"


def lasting(file: Path, limit: int) -> str:
    """The key in the file as long as the table knows it, else a new one. The limit is in requests a minute."""
    key = file.read_text().strip() if file.exists() else ""
    if not key or not _opens(key):
        key = key_store.create(ACCOUNT, requests_per_minute=limit)
        write_private(file, key)
    return key


def _opens(key: str) -> bool:
    try:
        return key_store.authenticate(key, counter("mediajobs up", 200)) is not None
    except RateLimitExceeded:
        return True


if __name__ == "__main__":
    sys.stdout.write(lasting(Path(sys.argv[1]), int(sys.argv[2])))
