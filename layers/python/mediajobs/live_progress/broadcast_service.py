"""Sends the present state of a job to all subscribers that have not received it.

Only the reader of the jobs table's stream broadcasts, and each shard has one reader, so no subscriber receives an
earlier state after a later one. The state is read at the moment of sending; a stream record that is repeated, or that
comes after a later one, sends nothing new. States are sent first and recorded as sent afterwards, so after a crash
they are sent again.
"""

from collections.abc import Iterable, Sequence

from mediajobs import clock
from mediajobs.accounts import key_store
from mediajobs.live_progress import connection_store, push_client, subscriber_store
from mediajobs.live_progress.connection_store import Connection, ConnectionState
from mediajobs.live_progress.frames import Frame, frame_of
from mediajobs.live_progress.push_client import PushResult
from mediajobs.live_progress.subscriber_store import NO_SEQUENCE, Partition, Subscription

Recipients = dict[str, Subscription]  # by connection id
_MAX_FAILED_PUSHES = 5  # in a row; then the connection counts as gone
_KEY_SECONDS = 10.0  # so long a revoked key may still receive
_revocations: dict[str, tuple[float, bool]] = {}  # by key id: until when it is known, and whether the key is revoked


def broadcast(job_id: str, last_seen: Partition) -> int:
    """Returns the number of connections that received the state.

    `last_seen`: the job and its progress as the stream has them, for a job that is deleted by now.
    """
    partition = subscriber_store.of_job(job_id)
    partition.last_sent_sequence = max(partition.last_sent_sequence, last_seen.last_sent_sequence)
    present = partition if partition.job is not None else last_seen
    if present.job is None:
        subscriber_store.remove(job_id, partition.subscriptions)
        return 0
    frame = frame_of(present.job, present.progress)
    recipients = _recipients(partition, frame, connection_store.subscribed_to_account(present.job.account))
    if not recipients:
        _end_subscriptions(job_id, _completed(partition, frame))
        return 0
    result = _push(frame, recipients)
    _record(job_id, partition, frame, recipients, result)
    return len(recipients) - len(result.gone) - len(result.failed)


def is_revoked(key_id: str) -> bool:
    return key_id in _revoked([key_id])


def disconnect(state: ConnectionState) -> None:
    """Closes a connection and deletes its subscriptions."""
    push_client.close(state.connection.connection_id)
    subscriber_store.delete_connection(state)


def _recipients(partition: Partition, frame: Frame, account_connections: Iterable[Connection]) -> Recipients:
    """Returns the connections that have not received this state, each once."""
    recipients: Recipients = {}
    sequence = frame.data.sequence
    is_new = sequence > partition.last_sent_sequence
    for subscription in sorted(partition.subscriptions, key=lambda subscription: subscription.snapshot_only):
        needs_greeting = subscription.greeted_sequence == NO_SEQUENCE and not _missed_end(subscription, frame)
        if needs_greeting or (is_new and NO_SEQUENCE < subscription.greeted_sequence < sequence):
            recipients.setdefault(subscription.connection.connection_id, subscription)
    for connection in account_connections if is_new else ():
        recipients.setdefault(connection.connection_id, Subscription(connection, snapshot_only=True))
    return recipients


def _missed_end(subscription: Subscription, frame: Frame) -> bool:
    """Whether the job ended before an account's subscriber could be greeted: it receives later ends only."""
    return subscription.snapshot_only and frame.is_last and not subscription.failed_pushes


def _push(frame: Frame, recipients: Recipients) -> PushResult:
    """Sends the frame. A connection that was opened with a revoked key is closed and counts as gone."""
    revoked_keys = _revoked([subscription.connection.key_id for subscription in recipients.values()])
    revoked = {name for name, subscription in recipients.items() if subscription.connection.key_id in revoked_keys}
    for connection_id in revoked:
        push_client.close(connection_id)
    allowed = [connection_id for connection_id in recipients if connection_id not in revoked]
    if not allowed:
        return PushResult(gone=revoked, failed=set())
    result = push_client.push(frame.model_dump_json().encode(), allowed)
    return PushResult(result.gone | revoked, result.failed)


def _record(job_id: str, partition: Partition, frame: Frame, recipients: Recipients, result: PushResult) -> None:
    """Writes down which connections received the frame, which failed and which are gone."""
    unreachable = {name for name in result.failed if recipients[name].failed_pushes + 1 >= _MAX_FAILED_PUSHES}
    retried = result.failed - unreachable
    for connection_id in unreachable:
        push_client.close(connection_id)  # so that the client connects again
    for connection_id in retried:
        subscriber_store.mark_failed(job_id, recipients[connection_id])
    completed = _completed(partition, frame)
    _end_subscriptions(job_id, [one for one in completed if one.connection.connection_id not in retried])
    for connection_id in result.gone | unreachable:
        _delete_connection(recipients[connection_id].connection, job_id)
    received = [recipients[name] for name in recipients.keys() - result.gone - result.failed]
    _mark_greeted(job_id, frame, received)
    subscriber_store.set_last_sent(job_id, frame.data.sequence)


def _delete_connection(connection: Connection, job_id: str) -> None:
    state = connection_store.get(connection.connection_id)
    subscriber_store.delete_connection(state or ConnectionState(connection, [job_id]))


def _mark_greeted(job_id: str, frame: Frame, received: Sequence[Subscription]) -> None:
    greeted = [
        subscription
        for subscription in received
        if not frame.is_last and not subscription.snapshot_only and subscription.greeted_sequence == NO_SEQUENCE
    ]
    sequence = frame.data.sequence
    push_client.map_concurrently(lambda one: subscriber_store.mark_greeted(job_id, one, sequence), greeted)


def _completed(partition: Partition, frame: Frame) -> list[Subscription]:
    """Returns the subscriptions that have received all they are for: after a job's end all, before it the snapshots."""
    return [one for one in partition.subscriptions if frame.is_last or one.snapshot_only]


def _end_subscriptions(job_id: str, subscriptions: Sequence[Subscription]) -> None:
    """Deletes the subscriptions, except those that were renewed: a client may retry a job as soon as it receives the
    end, and subscribe again."""
    deleted = push_client.map_concurrently(lambda one: subscriber_store.end(job_id, one), subscriptions)
    ended = [one for one, done in zip(subscriptions, deleted, strict=True) if done and not one.snapshot_only]
    connection_store.remove_jobs((one.connection.connection_id, job_id) for one in ended)


def _revoked(key_ids: Sequence[str]) -> set[str]:
    """Returns the revoked ones of these keys, as they were known in the last seconds."""
    now = clock.monotonic()
    unknown = {key_id for key_id in key_ids if _revocations.get(key_id, (0.0, False))[0] < now}
    if unknown:
        revoked = key_store.revoked_of(unknown)
        _revocations.update({key_id: (now + _KEY_SECONDS, key_id in revoked) for key_id in unknown})
    return {key_id for key_id in key_ids if _revocations[key_id][1]}
