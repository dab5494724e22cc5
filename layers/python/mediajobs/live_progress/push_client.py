"""What goes out on open sockets."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, NamedTuple, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from mediajobs.aws import clients
from mediajobs.settings import setting

One = TypeVar("One")
Outcome = TypeVar("Outcome")
_AT_ONCE = 16
# A connection that does not take a few bytes by then is tried again later: others wait behind it.
_PATIENCE = Config(
    connect_timeout=2,
    read_timeout=3,
    max_pool_connections=_AT_ONCE,
    retries={"mode": "standard", "total_max_attempts": 2},
)


class Pushed(NamedTuple):
    """Connections that are gone, and those that may have got nothing."""

    gone: set[str]
    failed: set[str]


def push(data: bytes, connection_ids: Sequence[str]) -> Pushed:
    """Sends to all of them, several at once."""
    outcomes = map_concurrently(lambda connection_id: _post(connection_id, data), connection_ids)
    found = Pushed(set(), set())
    for connection_id, outcome in zip(connection_ids, outcomes, strict=True):
        if outcome:
            getattr(found, outcome).add(connection_id)
    return found


def map_concurrently(call: Callable[[One], Outcome], each: Sequence[One]) -> list[Outcome]:
    """The outcomes of the calls, several of which are made side by side."""
    if len(each) <= 1:
        return [call(one) for one in each]
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        return list(pool.map(call, each))


def close(connection_id: str) -> None:
    """From our side; one that is gone stays so. Whom that does not reach is closed when it says something."""
    _ask(gateway().delete_connection, ConnectionId=connection_id)


@cache
def gateway() -> Any:
    return clients.client("apigatewaymanagementapi", _PATIENCE, endpoint_url=setting("WEBSOCKET_URL"))


def _post(connection_id: str, data: bytes) -> str:
    """Empty, or what became of it as in Pushed."""
    return _ask(gateway().post_to_connection, ConnectionId=connection_id, Data=data)


def _ask(call: Callable[..., object], **asked: Any) -> str:
    try:
        call(**asked)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "GoneException":
            return "gone"
        if code in ("ForbiddenException", "AccessDeniedException"):
            raise
        return "failed"
    except BotoCoreError:
        return "failed"
    return ""
