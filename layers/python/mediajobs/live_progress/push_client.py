"""Sends data to open WebSocket connections, and closes them, through API Gateway's management API."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, Literal, NamedTuple, TypeVar

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from mediajobs.aws import clients
from mediajobs.settings import setting

Argument = TypeVar("Argument")
Result = TypeVar("Result")
Outcome = Literal["sent", "gone", "failed"]
_CONCURRENCY = 16
# Short time-outs: a connection that does not take a few bytes by then is retried later, because others wait behind it.
_CONFIG = Config(
    connect_timeout=2,
    read_timeout=3,
    max_pool_connections=_CONCURRENCY,
    retries={"mode": "standard", "total_max_attempts": 2},
)


class PushResult(NamedTuple):
    """The ids of connections that are gone, and of those that may not have received the data."""

    gone: set[str]
    failed: set[str]


def push(data: bytes, connection_ids: Sequence[str]) -> PushResult:
    """Sends the data to all connections, several at a time."""
    outcomes = map_concurrently(lambda connection_id: _post(connection_id, data), connection_ids)
    by_id = dict(zip(connection_ids, outcomes, strict=True))
    return PushResult(
        gone={connection_id for connection_id, outcome in by_id.items() if outcome == "gone"},
        failed={connection_id for connection_id, outcome in by_id.items() if outcome == "failed"},
    )


def map_concurrently(call: Callable[[Argument], Result], arguments: Sequence[Argument]) -> list[Result]:
    """Returns the results of the calls in order. Makes up to 16 calls at a time."""
    if len(arguments) <= 1:
        return [call(argument) for argument in arguments]
    with ThreadPoolExecutor(_CONCURRENCY) as pool:
        return list(pool.map(call, arguments))


def close(connection_id: str) -> None:
    """Closes a connection. If the call fails, the connection is closed when it sends its next message."""
    _call_gateway(gateway().delete_connection, ConnectionId=connection_id)


def is_open(connection_id: str) -> bool:
    """Returns False only where the gateway says that the connection is gone."""
    return _call_gateway(gateway().get_connection, ConnectionId=connection_id) != "gone"


@cache
def gateway() -> Any:
    return clients.client("apigatewaymanagementapi", _CONFIG, endpoint_url=setting("WEBSOCKET_URL"))


def _post(connection_id: str, data: bytes) -> Outcome:
    return _call_gateway(gateway().post_to_connection, ConnectionId=connection_id, Data=data)


def _call_gateway(operation: Callable[..., object], **arguments: Any) -> Outcome:
    """Raises ClientError only if this function lacks the permission for the call."""
    try:
        operation(**arguments)
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code == "GoneException":
            return "gone"
        if code in ("ForbiddenException", "AccessDeniedException"):
            raise
        return "failed"
    except BotoCoreError:
        return "failed"
    return "sent"
