"""What a process remembers of API keys, so that it refuses a credential without a call, or with a read alone.

Nothing here lets a request in: the conditional write that counts a request decides that.
"""

from collections import OrderedDict
from collections.abc import Hashable, Mapping
from threading import Lock
from typing import Any, Generic, TypeVar

ROWS, ROW_SECONDS = 2_000, 300
# A credential that was refused never becomes valid: secrets do not change, a revocation is for good, and a key id is
# unknown to everybody before its key exists. The time is short all the same, for a row that somebody repairs by hand.
REFUSALS, REFUSAL_SECONDS = 10_000, 60
_ATTRIBUTES = ("key_id", "secret_sha256", "revoked_at", "requests_per_minute", "window_ends", "window_used", "day")
Value = TypeVar("Value")
# The id of a key and the hash of the secret that came with it; None for a job token, which has no secret.
Credential = tuple[str, str | None]


class RecentEntries(Generic[Value]):
    """At most `size` values by name, each for `seconds`. The least recently used one makes room for a new one."""

    def __init__(self, size: int, seconds: int) -> None:
        self._size, self._milliseconds = size, seconds * 1000
        self._entries: OrderedDict[Hashable, tuple[int, Value]] = OrderedDict()
        self._lock = Lock()

    def get(self, name: Hashable, now: int) -> Value | None:
        """Returns None for a name that is not there or too old. `now` is in ms since 1970."""
        with self._lock:
            entry = self._entries.pop(name, None)
            if entry is None or entry[0] <= now:
                return None
            self._entries[name] = entry
            return entry[1]

    def put(self, name: Hashable, value: Value, now: int) -> None:
        with self._lock:
            self._entries.pop(name, None)
            self._entries[name] = (now + self._milliseconds, value)
            if len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def __len__(self) -> int:
        return len(self._entries)


class KeyMemory:
    """The rows of keys as this process saw them last, without their counters of usage, and refused credentials."""

    def __init__(self) -> None:
        self._rows: RecentEntries[dict[str, Any]] = RecentEntries(ROWS, ROW_SECONDS)
        self._refusals: RecentEntries[bool] = RecentEntries(REFUSALS, REFUSAL_SECONDS)

    def row(self, key_id: str, now: int) -> dict[str, Any] | None:
        return self._rows.get(key_id, now)

    def keep(self, row: Mapping[str, Any], now: int) -> None:
        """Keeps a row that exists; an empty one is none."""
        if row:
            self._rows.put(row["key_id"], {name: row[name] for name in _ATTRIBUTES if name in row}, now)

    def refuse(self, credential: Credential, now: int) -> None:
        self._refusals.put(credential, value=True, now=now)

    def is_refused(self, credential: Credential, now: int) -> bool:
        return self._refusals.get(credential, now) is not None
