"""Subscribes a WebSocket connection to jobs, and unsubscribes it.

A subscription to a job by id is an item with the job and one with the connection. A subscription to all jobs of an
account is one item in the connections table.
"""

from collections.abc import Sequence

from mediajobs.ids import is_job_id
from mediajobs.jobs import concurrency_store
from mediajobs.live_progress import connection_store, subscriber_store
from mediajobs.live_progress.connection_store import Connection, ConnectionState
from mediajobs.live_progress.messages import MAX_JOBS
from mediajobs.live_progress.subscriber_store import Subscription


class TooManyJobs(Exception):
    """The connection would subscribe to more jobs than one connection may."""


def subscribe(state: ConnectionState, job_ids: Sequence[str]) -> list[str]:
    """Subscribes to those of the jobs that are the account's own; their present states are sent first.

    Returns the ids that are unknown or another account's. Raises TooManyJobs.
    """
    connection, requested = state.connection, list(dict.fromkeys(job_ids))
    accounts = subscriber_store.accounts_of(job_id for job_id in requested if is_job_id(job_id))
    own = [job_id for job_id in requested if accounts.get(job_id) == connection.account]
    if own:
        if len({*state.job_ids, *own}) > MAX_JOBS:
            raise TooManyJobs
        connection_store.add_jobs(connection, own)  # first, so that the items with the jobs can be found and deleted
        subscriber_store.add(own, Subscription(connection))
    return [job_id for job_id in requested if job_id not in own]


def subscribe_to_all(connection: Connection) -> None:
    """Subscribes to every change of every job of the account; the present states of running jobs are sent first."""
    connection_store.subscribe_to_account(connection)
    running = sorted(concurrency_store.running(connection.account))
    subscriber_store.add(running, Subscription(connection, snapshot_only=True))


def unsubscribe(connection: Connection, job_ids: Sequence[str]) -> None:
    """Unsubscribes from these jobs. Ids of jobs that it does not subscribe to are ignored."""
    requested = list(dict.fromkeys(job_id for job_id in job_ids if is_job_id(job_id)))
    subscriber_store.remove_from_jobs(connection.connection_id, requested)
    connection_store.remove_jobs((connection.connection_id, job_id) for job_id in requested)


def unsubscribe_from_all(state: ConnectionState) -> None:
    """Unsubscribes from the account and from every single job."""
    connection_store.unsubscribe_from_account(state.connection)
    unsubscribe(state.connection, state.job_ids)
