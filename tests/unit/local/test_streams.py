"""Readers of a stream in the local stack: each goes its own way."""

import threading
from collections.abc import Iterator
from typing import Any

import pytest

from infra.local.ministack_patches import stream_readers
from infra.local.ministack_patches.stream_readers import StreamReaders, WakeEvents
from tests.support.waiting import until


class Mappings:
    """MiniStack's list of what reads what."""

    def __init__(self, **arns: str) -> None:
        self.all = arns

    def __call__(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for uuid, arn in list(self.all.items()):
            yield "account", "region", {"UUID": uuid, "EventSourceArn": arn}


TABLE, QUEUE = "arn:aws:dynamodb:x:1:table/T/stream/1", "arn:aws:sqs:x:1:Q"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stream_readers, "IDLE_SECONDS", 0.01)


def test_a_write_wakes_every_poller() -> None:
    wakes = WakeEvents(threading.Event())
    one, other = wakes.add(), wakes.add()
    one.set()
    one.clear()
    assert not other.is_set()
    wakes.set()
    assert one.is_set()
    assert other.is_set()


def test_a_slow_reader_holds_up_no_other_and_one_that_fails_goes_on() -> None:
    mappings = Mappings(slow=TABLE, failing=TABLE, good=TABLE, queue=QUEUE)
    its_own, release, polls = stream_readers.only_own_mapping(mappings), threading.Event(), list[str]()

    def poll() -> bool:
        [(_, _, mapping)] = its_own()
        polls.append(mapping["UUID"])
        if mapping["UUID"] == "slow":
            release.wait()
        if mapping["UUID"] == "failing":
            raise ValueError
        return False

    readers = StreamReaders(poll, mappings, WakeEvents(threading.Event()))
    for _ in range(3):
        assert readers() is False  # nothing is read by MiniStack's own thread
    until(lambda: polls.count("good") > 2 and polls.count("failing") > 2)
    assert polls.count("slow") == 1
    assert "queue" not in polls
    mappings.all = {"queue": QUEUE}
    release.set()
    until(lambda: not readers._running)


def test_a_mapping_that_comes_again_is_read_again() -> None:
    mappings, polls = Mappings(one=TABLE), list[int]()

    def poll() -> bool:
        polls.append(1)
        return False

    readers = StreamReaders(poll, mappings, WakeEvents(threading.Event()))
    readers()
    until(lambda: polls)
    mappings.all = {}
    until(lambda: not readers._running)
    polls.clear()
    mappings.all = {"one": TABLE}
    readers()
    until(lambda: polls)
    mappings.all = {}
    until(lambda: not readers._running)


def test_whoever_is_no_reader_sees_all() -> None:
    mappings = Mappings(one=TABLE, queue=QUEUE)
    assert [found["UUID"] for _, _, found in stream_readers.only_own_mapping(mappings)()] == ["one", "queue"]
