"""What a listener asks for on its socket."""

from collections.abc import Sequence

from mediajobs.ids import is_job_id
from mediajobs.jobs import concurrency_store
from mediajobs.live_progress import connection_store, subscriber_store
from mediajobs.live_progress.connection_store import Connection, ConnectionState
from mediajobs.live_progress.messages import MAX_JOBS
from mediajobs.live_progress.subscriber_store import Subscription


class TooMany(Exception):
    """One connection cannot listen to so many jobs."""


def subscribe(known: ConnectionState, job_ids: Sequence[str]) -> list[str]:
    """Its own jobs are told from now on, the present state first. Gives the ids that are not its own.

    Raises TooMany.
    """
    connection, wanted = known.connection, list(dict.fromkeys(job_ids))
    accounts = subscriber_store.accounts_of(job_id for job_id in wanted if is_job_id(job_id))
    own = [job_id for job_id in wanted if accounts.get(job_id) == connection.account]
    if own:
        if len({*known.job_ids, *own}) > MAX_JOBS:
            raise TooMany
        connection_store.note(connection, own)  # first: what stands with a job can be found by it
        subscriber_store.listen(own, Subscription(connection))
    return [job_id for job_id in wanted if job_id not in own]


def subscribe_to_all(connection: Connection) -> None:
    """Every change of every job of its account from now on; first the present state of those that run."""
    connection_store.join(connection)
    subscriber_store.listen(
        sorted(concurrency_store.running(connection.account)), Subscription(connection, snapshot_only=True)
    )


def unsubscribe(connection: Connection, job_ids: Sequence[str]) -> None:
    """From all that it listens to, whether by id or not."""
    wanted = list(dict.fromkeys(job_id for job_id in job_ids if is_job_id(job_id)))
    subscriber_store.unlisten(connection.connection_id, wanted)
    connection_store.drop((connection.connection_id, job_id) for job_id in wanted)


def unsubscribe_from_all(known: ConnectionState) -> None:
    """From everything: its account, and every single job."""
    connection_store.leave(known.connection)
    unsubscribe(known.connection, known.job_ids)
