"""The present state of a job, told to whoever listens and has not heard it.

Only the reader of the jobs' stream tells, and one shard has one reader: so nobody hears of an earlier state after a
later one. What is told is read when it is told; a change that comes twice, or after a later one, is no news. First all
are told and then it is noted: what a crash interrupts is told again.
"""

from collections.abc import Iterable, Sequence

from mediajobs import clock
from mediajobs.accounts import key_store
from mediajobs.live_progress import connection_store, push_client, subscriber_store
from mediajobs.live_progress.connection_store import Connection, ConnectionState
from mediajobs.live_progress.frames import Frame, frame_of
from mediajobs.live_progress.push_client import PushResult
from mediajobs.live_progress.subscriber_store import NO_SEQUENCE, Partition, Subscription

_TRIES = 5  # pushes that fail in a row; then the connection counts as gone
_KEY_SECONDS = 10.0  # how long a revoked key may still hear
_keys: dict[str, tuple[float, bool]] = {}  # until when it is known, and whether it is revoked


def broadcast(job_id: str, last_seen: Partition) -> int:
    """How many were told. `last_seen`: job and progress as the stream saw them last, for a job that is gone."""
    found = subscriber_store.of_job(job_id)
    found.last_sent_sequence = max(found.last_sent_sequence, last_seen.last_sent_sequence)
    now = found if found.job is not None else last_seen
    if now.job is None:
        subscriber_store.remove(job_id, found.subscriptions)
        return 0
    frame = frame_of(now.job, now.progress)
    audience = _audience(found, frame, connection_store.subscribed_to_account(now.job.account))
    if not audience:
        _let_go(job_id, _done_with(found, frame))
        return 0
    pushed = _push(frame, audience)
    _settle(job_id, found, frame, audience, pushed)
    return len(audience) - len(pushed.gone) - len(pushed.failed)


def is_revoked(key_id: str) -> bool:
    return key_id in _revoked([key_id])


def disconnect(known: ConnectionState) -> None:
    """Ends a connection, and forgets it."""
    push_client.close(known.connection.connection_id)
    subscriber_store.delete_connection(known)


def _audience(found: Partition, frame: Frame, room: Iterable[Connection]) -> dict[str, Subscription]:
    """By connection: who has not heard this."""
    wanted: dict[str, Subscription] = {}
    sequence, news = frame.data.sequence, frame.data.sequence > found.last_sent_sequence
    for listener in sorted(found.subscriptions, key=lambda listener: listener.snapshot_only):
        new = listener.greeted_sequence == NO_SEQUENCE and not _came_late(listener, frame)
        if new or (news and NO_SEQUENCE < listener.greeted_sequence < sequence):
            wanted.setdefault(listener.connection.connection_id, listener)
    for connection in room if news else ():
        wanted.setdefault(connection.connection_id, Subscription(connection, snapshot_only=True))
    return wanted


def _came_late(listener: Subscription, frame: Frame) -> bool:
    """Who listens to a whole account hears of the ends that come, and not of those that were."""
    return listener.snapshot_only and frame.is_last and not listener.failed_pushes


def _push(frame: Frame, audience: dict[str, Subscription]) -> PushResult:
    """Who came in with a key that is revoked is cut off, and counts as gone."""
    revoked = _revoked([listener.connection.key_id for listener in audience.values()])
    cut = {name for name, listener in audience.items() if listener.connection.key_id in revoked}
    for name in cut:
        push_client.close(name)
    left = [name for name in audience if name not in cut]
    pushed = push_client.push(frame.model_dump_json().encode(), left) if left else PushResult(set(), set())
    return PushResult(pushed.gone | cut, pushed.failed)


def _settle(job_id: str, found: Partition, frame: Frame, audience: dict[str, Subscription], pushed: PushResult) -> None:
    """Notes what came of it."""
    given_up = {name for name in pushed.failed if audience[name].failed_pushes + 1 >= _TRIES}
    for name in given_up:
        push_client.close(name)  # so that it comes again
    owed = pushed.failed - given_up
    for name in owed:
        subscriber_store.mark_failed(job_id, audience[name])
    _let_go(job_id, [one for one in _done_with(found, frame) if one.connection.connection_id not in owed])
    for name in pushed.gone | given_up:
        known = connection_store.get(name)
        subscriber_store.delete_connection(known or ConnectionState(audience[name].connection, [job_id]))
    told = [audience[name] for name in audience.keys() - pushed.gone - pushed.failed]
    new = [one for one in told if not (frame.is_last or one.snapshot_only) and one.greeted_sequence == NO_SEQUENCE]
    push_client.map_concurrently(lambda one: subscriber_store.mark_greeted(job_id, one, frame.data.sequence), new)
    subscriber_store.set_last_sent(job_id, frame.data.sequence)


def _done_with(found: Partition, frame: Frame) -> list[Subscription]:
    """After the end nobody listens to a job any more; before it, who did so once has had it."""
    return [listener for listener in found.subscriptions if frame.is_last or listener.snapshot_only]


def _let_go(job_id: str, done: Sequence[Subscription]) -> None:
    """Who hears of an end may at once retry the job, and listen again: that is not undone."""
    gone = push_client.map_concurrently(lambda one: subscriber_store.end(job_id, one), done)
    ended = [one for one, went in zip(done, gone, strict=True) if went and not one.snapshot_only]
    connection_store.remove_jobs((one.connection.connection_id, job_id) for one in ended)


def _revoked(key_ids: Sequence[str]) -> set[str]:
    now = clock.monotonic()
    asked = {key_id for key_id in key_ids if _keys.get(key_id, (0.0, False))[0] < now}
    if asked:
        revoked = key_store.revoked_of(asked)
        _keys.update({key_id: (now + _KEY_SECONDS, key_id in revoked) for key_id in asked})
    return {key_id for key_id in key_ids if _keys[key_id][1]}
