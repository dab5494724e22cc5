"""Opens connections, within the limit of their account."""

from collections.abc import Collection

from mediajobs import clock
from mediajobs.live_progress import connection_limit_store, connection_store, push_client, subscriber_store
from mediajobs.live_progress.connection_store import Connection, ConnectionState

_CONNECTING_SECONDS = 60  # for so long the gateway may not know a connection that it is still opening


class TooManyConnections(Exception):
    """The account has as many open connections as it may have."""


def open_connection(connection: Connection) -> None:
    """Stores a connection. Raises TooManyConnections.

    Reads first, so that a flood of connections over the limit writes nothing. A connection is stored before it is
    counted, so that whatever is counted can be looked up by a recount.
    """
    ids = connection_limit_store.open_ids(connection.account)
    if len(ids) >= connection_limit_store.limit() and not _forget_vanished(connection.account, ids):
        raise TooManyConnections
    connection_store.save(connection)
    if not connection_limit_store.add(connection.account, connection.connection_id):
        connection_store.delete(ConnectionState(connection, []))
        raise TooManyConnections


def _forget_vanished(account: str, connection_ids: Collection[str]) -> bool:
    """Returns whether connections of the account were found that are not open any more, and forgotten."""
    if not connection_limit_store.begin_recount(account):
        return False
    opened = connection_store.opened_at(connection_ids)
    settled = [name for name in connection_ids if opened.get(name, 0) <= clock.seconds() - _CONNECTING_SECONDS]
    are_open = push_client.map_concurrently(push_client.is_open, settled)
    vanished = [name for name, is_open in zip(settled, are_open, strict=True) if not is_open]
    for connection_id in vanished:
        _forget(Connection(connection_id, account, key_id=""))
    return bool(vanished)


def _forget(connection: Connection) -> None:
    state = connection_store.get(connection.connection_id)
    subscriber_store.delete_connection(state or ConnectionState(connection, []))
