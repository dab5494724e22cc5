"""Who asked, as the line of a request in the log says it: also where the request was refused."""

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from chalice.app import Request

from mediajobs import clock


@dataclass
class _Entry:
    """`key_id` is the one that was shown, which proves nothing; `account` is set once it was authenticated."""

    started: float
    key_id: str | None = None
    account: str | None = None


_entry: ContextVar[_Entry | None] = ContextVar("entry", default=None)


def begin() -> None:
    """Starts the entry of a request. Called before every request."""
    _entry.set(_Entry(clock.monotonic()))


def note_key(key_id: str | None) -> None:
    """Notes the id of the key that the request shows, or that made its token."""
    if (entry := _entry.get()) is not None:
        entry.key_id = key_id


def note_account(account: str) -> None:
    """Notes the account of a request that was authenticated."""
    if (entry := _entry.get()) is not None:
        entry.account = account


def fields(event: Request, path: str, status: int, request_id: str) -> dict[str, Any]:
    """Returns the fields of the line. The path is in it but never the query, because a key or token may be there."""
    entry = _entry.get() or _Entry(clock.monotonic())
    return {
        "method": event.method,
        "path": path,
        "route": f"{event.method} {event.path}",
        "status": status,
        "request_id": request_id,
        "key_id": entry.key_id,
        "account": entry.account,
        "source_ip": (event.context.get("identity") or {}).get("sourceIp"),
        "latency_ms": round((clock.monotonic() - entry.started) * 1000),
    }
