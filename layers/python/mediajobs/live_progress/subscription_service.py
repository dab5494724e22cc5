"""What a listener asks for on its socket."""

from collections.abc import Sequence

from mediajobs.ids import is_job_id
from mediajobs.jobs import concurrency_store
from mediajobs.live_progress import connection_store, subscriber_store
from mediajobs.live_progress.connection_store import Connection, ConnectionState
from mediajobs.live_progress.messages import MAX_JOBS
from mediajobs.live_progress.subscriber_store import Subscription


class TooManyJobs(Exception):
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
            raise TooManyJobs
        connection_store.add_jobs(connection, own)  # first: what stands with a job can be found by it
        subscriber_store.add(own, Subscription(connection))
    return [job_id for job_id in wanted if job_id not in own]


def subscribe_to_all(connection: Connection) -> None:
    """Every change of every job of its account from now on; first the present state of those that run."""
    connection_store.subscribe_to_account(connection)
    subscriber_store.add(
        sorted(concurrency_store.running(connection.account)), Subscription(connection, snapshot_only=True)
    )


def unsubscribe(connection: Connection, job_ids: Sequence[str]) -> None:
    """From all that it listens to, whether by id or not."""
    wanted = list(dict.fromkeys(job_id for job_id in job_ids if is_job_id(job_id)))
    subscriber_store.remove_from_jobs(connection.connection_id, wanted)
    connection_store.remove_jobs((connection.connection_id, job_id) for job_id in wanted)


def unsubscribe_from_all(known: ConnectionState) -> None:
    """From everything: its account, and every single job."""
    connection_store.unsubscribe_from_account(known.connection)
    unsubscribe(known.connection, known.job_ids)
