"""`python -m infra.local.demo_key FILE LIMIT`: prints an API key of the account `demo` for a local stack.

It runs in its own process because the key store finds its table through environment variables.
"""

import sys
from pathlib import Path

from infra.local.private_files import write_private
from mediajobs.accounts import authentication_service, key_store
from mediajobs.accounts.rate_limits import RateLimitExceeded
from mediajobs.accounts.usage import counter

ACCOUNT = "demo"


def get_or_create(file: Path, limit: int) -> str:
    """The key in the file if the table knows it, else a new one. The limit is in requests a minute."""
    key = file.read_text().strip() if file.exists() else ""
    if not key or not _is_valid(key):
        key = key_store.create(ACCOUNT, requests_per_minute=limit)
        write_private(file, key)
    return key


def _is_valid(key: str) -> bool:
    try:
        return authentication_service.by_key(key, counter("mediajobs up", 200)) is not None
    except RateLimitExceeded:
        return True


if __name__ == "__main__":
    sys.stdout.write(get_or_create(Path(sys.argv[1]), int(sys.argv[2])))
