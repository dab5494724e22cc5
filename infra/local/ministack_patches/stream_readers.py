"""Polls each reader of a DynamoDB stream in a thread of its own, as AWS does.

MiniStack has one thread for all readers and queues. A slow reader, which waits for a webhook's receiver or for many
WebSockets, would delay all others.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

Poll = Callable[[], bool]
Mappings = Callable[[], Iterator[tuple[str, str, dict[str, Any]]]]

IDLE_SECONDS = 1.0  # as in MiniStack; a write wakes the readers earlier

_thread = threading.local()


class WakeEvents:
    """Replaces the event that MiniStack sets after a write: it sets one event for each poller."""

    def __init__(self, first: Any) -> None:
        self._events = [first]

    def set(self) -> None:
        for event in list(self._events):
            event.set()

    def add(self) -> threading.Event:
        event = threading.Event()
        self._events.append(event)
        return event


class StreamReaders:
    """Replaces MiniStack's poll of all streams: it only starts a thread for each mapping that has none."""

    def __init__(self, poll: Poll, mappings: Mappings, wake_events: WakeEvents) -> None:
        self._poll, self._mappings, self._wake_events = poll, mappings, wake_events
        self._running: set[str] = set()  # UUIDs of mappings

    def __call__(self) -> bool:
        for _, _, mapping in self._mappings():
            if ":dynamodb:" in mapping.get("EventSourceArn", "") and mapping["UUID"] not in self._running:
                self._running.add(mapping["UUID"])
                threading.Thread(target=self._read, args=[mapping["UUID"]], daemon=True).start()
        return False

    def _read(self, uuid: str) -> None:
        """Polls for this mapping until it is removed."""
        _thread.mapping_uuid = uuid
        wake = self._wake_events.add()
        while any(mapping["UUID"] == uuid for _, _, mapping in self._mappings()):
            wake.clear()
            try:
                has_records = self._poll()
            except Exception:  # as in MiniStack's own loop: one error must not end the reading
                logging.exception("a reader of a stream failed")
                has_records = False
            if not has_records:
                wake.wait(IDLE_SECONDS)
        self._running.discard(uuid)


def only_own_mapping(mappings: Mappings) -> Mappings:
    """Wraps MiniStack's list of mappings: in the thread of a reader it contains only that reader's mapping."""

    def wrapped() -> Iterator[tuple[str, str, dict[str, Any]]]:
        uuid = getattr(_thread, "mapping_uuid", None)
        return (entry for entry in mappings() if uuid in (None, entry[2]["UUID"]))

    return wrapped
