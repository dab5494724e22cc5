"""Each reader of a table's stream is polled by itself, as on AWS: MiniStack has one thread for all readers and queues,
and what is slow there, a webhook's receiver or a crowd of sockets, would hold up all the others.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

Poll = Callable[[], bool]
Mappings = Callable[[], Iterator[tuple[str, str, dict[str, Any]]]]

IDLE_SECONDS = 1.0  # MiniStack's own pace; a write wakes sooner

_mine = threading.local()


class Wakes:
    """Takes the place of the event that a write sets: every poller sleeps on its own."""

    def __init__(self, first: Any) -> None:
        self._all = [first]

    def set(self) -> None:
        for event in list(self._all):
            event.set()

    def another(self) -> threading.Event:
        event = threading.Event()
        self._all.append(event)
        return event


class Readers:
    """Takes the place of MiniStack's poll of all streams: it only sees to it that each mapping has its thread."""

    def __init__(self, poll: Poll, mappings: Mappings, wakes: Wakes) -> None:
        self._poll, self._mappings, self._wakes = poll, mappings, wakes
        self._known: set[str] = set()

    def __call__(self) -> bool:
        for _, _, mapping in self._mappings():
            if ":dynamodb:" in mapping.get("EventSourceArn", "") and mapping["UUID"] not in self._known:
                self._known.add(mapping["UUID"])
                threading.Thread(target=self._read, args=[mapping["UUID"]], daemon=True).start()
        return False

    def _read(self, uuid: str) -> None:
        _mine.uuid = uuid
        woken = self._wakes.another()
        while any(mapping["UUID"] == uuid for _, _, mapping in self._mappings()):
            woken.clear()
            try:
                found = self._poll()
            except Exception:  # as in MiniStack's own loop: one bad moment does not end the reading
                logging.exception("a reader of a stream failed")
                found = False
            if not found:
                woken.wait(IDLE_SECONDS)
        self._known.discard(uuid)


def own(mappings: Mappings) -> Mappings:
    """MiniStack's list of mappings: in a reader's thread it has that reader alone."""

    def wrapped() -> Iterator[tuple[str, str, dict[str, Any]]]:
        uuid = getattr(_mine, "uuid", None)
        return (found for found in mappings() if uuid in (None, found[2]["UUID"]))

    return wrapped
