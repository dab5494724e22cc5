"""Live progress through the real functions, on the template's tables in process; the gateway's side alone is played."""

import json
from collections import defaultdict
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from ulid import ULID

from mediajobs import clock
from mediajobs.accounts import key_store
from mediajobs.accounts.api_keys import split_key
from mediajobs.jobs import concurrency_store, job_store, progress_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.progress import TaskProgress, new_progress
from mediajobs.live_progress import broadcast_service, messages, push_client, subscriber_store
from mediajobs.live_progress.messages import MAX_IDS
from tests.support.clocks import stop_clock
from tests.support.functions import load
from tests.support.jobs import create_job

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
Frame = dict[str, Any]


class Gateway:
    """API Gateway's management API: what went to whom, and who is gone."""

    def __init__(self) -> None:
        self.heard: dict[str, list[Frame]] = defaultdict(list)
        self.gone: set[str] = set()
        self.closed: set[str] = set()
        self.before_post: Callable[[str], None] = lambda _: None
        self.before_close: Callable[[str], None] = lambda _: None

    def post_to_connection(self, ConnectionId: str, Data: bytes) -> None:  # noqa: N803 - boto3's names
        self.before_post(ConnectionId)
        if ConnectionId in self.gone | self.closed:
            raise refusal("GoneException")
        self.heard[ConnectionId].append(json.loads(Data))

    def delete_connection(self, ConnectionId: str) -> None:  # noqa: N803 - boto3's names
        self.before_close(ConnectionId)
        self.closed.add(ConnectionId)

    def frames(self, connection: str) -> list[tuple[str, int]]:
        return [(frame["event"], frame["data"]["sequence"]) for frame in self.heard[connection]]


class Room:
    """Sockets at one end, the stream of the jobs at the other. The stream flows when a test says so."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.keys = {account: key_store.create(account, requests_per_minute=100_000) for account in ("acme", "other")}
        config = Config(account_id_endpoint_mode="disabled")
        self._stream = boto3.client("dynamodbstreams", config=config)
        arn = boto3.client("dynamodb").describe_table(TableName="JobsTable")["Table"]["LatestStreamArn"]
        shard = self._stream.describe_stream(StreamArn=arn)["StreamDescription"]["Shards"][0]["ShardId"]
        asked = {"StreamArn": arn, "ShardId": shard, "ShardIteratorType": "TRIM_HORIZON"}
        self._next = self._stream.get_shard_iterator(**asked)["ShardIterator"]

    def connect(self, connection: str, account: str = "acme", **event: Any) -> int:
        given = event or {"queryStringParameters": {"api_key": self.keys[account]}}
        return int(self._event("CONNECT", connection, **given)["statusCode"])

    def say(self, connection: str, message: Any) -> None:
        body = message if isinstance(message, str) else json.dumps(message)
        assert self._event("MESSAGE", connection, body=body) == {"statusCode": 200}

    def subscribe(self, connection: str, *job_ids: str) -> None:
        self.say(connection, {"action": "subscribe", "job_ids": list(job_ids)})

    def disconnect(self, connection: str) -> None:
        self._event("DISCONNECT", connection)

    def read(self) -> list[dict[str, Any]]:
        """The records since the last time that pass the filter of the template."""
        answer = self._stream.get_records(ShardIterator=self._next)
        self._next = answer["NextShardIterator"]
        records: list[Any] = answer["Records"]
        for record in records:
            del record["dynamodb"]["ApproximateCreationDateTime"]
        return [record for record in records if wanted(record)]

    def flow(self, records: list[dict[str, Any]] | None = None) -> None:
        found = self.read() if records is None else records
        if found:
            assert load("broadcast").broadcast({"Records": found}, None) == {"batchItemFailures": []}

    def _event(self, kind: str, connection: str, **more: Any) -> dict[str, Any]:
        about = {"eventType": kind, "connectionId": connection, "apiId": "sockets", "stage": "test", "domainName": "x"}
        answer: dict[str, Any] = load("websocket").handle({"requestContext": about, "body": "", **more}, None)
        return answer


def wanted(record: dict[str, Any]) -> bool:
    item, image = record["dynamodb"]["Keys"]["item"]["S"], record["dynamodb"].get("NewImage", {})
    return item in ("job", "progress") or (
        item.startswith("subscription#") and image.get("greeted_sequence") == {"N": "-1"}
    )


def refusal(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": code}}, "PostToConnection")


@pytest.fixture
def room(cloud: None, monkeypatch: pytest.MonkeyPatch) -> Room:
    gateway = Gateway()
    monkeypatch.setattr(push_client, "gateway", lambda: gateway)
    monkeypatch.setattr(push_client, "ThreadPoolExecutor", OneByOne)
    monkeypatch.setattr(broadcast_service, "_revocations", {})
    boto3.client("dynamodb").update_table(
        TableName="JobsTable", StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    )
    return Room(gateway)


class OneByOne:
    """moto is not thread-safe."""

    def __init__(self, _: int) -> None:
        self.map = map

    def __enter__(self) -> "OneByOne":
        return self

    def __exit__(self, *_: object) -> None:
        pass


def created(account: str = "acme", status: Status = Status.QUEUED) -> str:
    return create_job(account=account, status=status, filename="talk.mp4").job_id


def admit(job_id: str) -> None:
    begun = new_progress(["validate_video", "transcode_360p"], attempt=job_store.get(job_id).attempt, now=clock.now())
    transition_store.transition(job_id, Status.PROCESSING, admission=concurrency_store.Admission(9, 9, begun))


def report(job_id: str, percent: float) -> None:
    task = TaskProgress(status="running", progress=percent)
    progress_store.report(job_id, job_store.get(job_id).attempt, {"transcode_360p": task})


def items_of(job_id: str) -> set[str]:
    found = boto3.client("dynamodb").query(
        TableName="JobsTable", KeyConditionExpression="job_id = :j", ExpressionAttributeValues={":j": {"S": job_id}}
    )
    return {item["item"]["S"] for item in found["Items"]}


def connections() -> list[Any]:
    return list(boto3.client("dynamodb").scan(TableName="ConnectionsTable")["Items"])


def test_only_a_good_key_connects_from_the_header_or_the_query(room: Room) -> None:
    assert room.connect("a") == 200
    assert room.connect("b", headers={"x-API-key": room.keys["acme"]}) == 200
    for event in ({"headers": None, "queryStringParameters": None}, {"headers": {"X-API-Key": "mj_nonsense"}}):
        assert room.connect("c", **event) == 401
    key_store.revoke((split_key(room.keys["acme"]) or ("", ""))[0])
    assert room.connect("d") == 401
    tight = key_store.create("acme", requests_per_minute=1)
    assert [room.connect(name, headers={"X-API-Key": tight}) for name in ("e", "f")] == [200, 429]


def test_a_listener_hears_the_present_state_then_each_change_and_the_end_once(room: Room) -> None:
    job_id = created()
    room.connect("a")
    room.subscribe("a", job_id)
    room.flow()
    admit(job_id)
    room.flow()
    for percent in (10, 20):
        report(job_id, percent)
        room.flow()
    transition_store.transition(job_id, Status.CANCELLED)
    room.flow()
    assert [event for event, _ in room.gateway.frames("a")] == ["progress"] * 4 + ["complete"]
    sequences = [sequence for _, sequence in room.gateway.frames("a")]
    assert sequences == sorted(set(sequences))
    assert items_of(job_id) == {"job", "progress", "last_sent"}
    assert [item["item"]["S"] for item in connections()] == ["#"]


def test_who_comes_late_or_again_is_told_where_the_job_is_now(room: Room) -> None:
    job_id = created(status=Status.PENDING)
    room.connect("a")
    for _ in range(2):
        room.subscribe("a", job_id)
        room.flow()
    assert room.gateway.frames("a") == [("progress", 1_000_000)] * 2
    transition_store.transition(job_id, Status.CANCELLED)
    room.flow()
    room.connect("b")
    room.subscribe("b", job_id)
    room.flow()
    assert room.gateway.frames("b") == [("complete", 2_000_000)]
    assert room.gateway.frames("a")[2:] == [("complete", 2_000_000)]


def test_each_of_a_crowd_is_greeted_once(room: Room) -> None:
    job_id, crowd = created(), [f"c{number}" for number in range(5)]
    for name in crowd:
        room.connect(name)
        room.subscribe(name, job_id)
    room.flow()
    assert {subscription.greeted_sequence for subscription in subscriber_store.of_job(job_id).subscriptions} == {
        1_000_000
    }
    room.connect("late")
    room.subscribe("late", job_id)
    room.flow()
    assert [len(room.gateway.heard[name]) for name in (*crowd, "late")] == [1] * 6


def test_who_retries_at_the_end_and_listens_again_hears_of_it(room: Room) -> None:
    job_id = created()
    room.connect("a")
    room.subscribe("a", job_id)
    room.flow()
    transition_store.transition(job_id, Status.CANCELLED)

    def at_once(_: str) -> None:
        room.gateway.before_post = lambda _: None
        transition_store.transition(job_id, Status.QUEUED, retry=True)
        room.subscribe("a", job_id)

    room.gateway.before_post = at_once  # while the function still tells the end
    for _ in range(2):
        room.flow()
    transition_store.transition(job_id, Status.CANCELLED)
    room.flow()
    assert [event for event, _ in room.gateway.frames("a")] == ["progress", "complete", "progress", "complete"]
    assert items_of(job_id) == {"job", "last_sent"}


def test_unsubscribed_is_silent(room: Room) -> None:
    one, other = created(), created()
    room.connect("a")
    room.subscribe("a", one, other)
    room.flow()
    room.say("a", {"action": "unsubscribe", "job_ids": [one, UNKNOWN, "nonsense"]})
    for job_id in (one, other):
        transition_store.transition(job_id, Status.CANCELLED)
    room.flow()
    assert [frame["data"]["job_id"] for frame in room.gateway.heard["a"] if frame["event"] == "complete"] == [other]


def test_all_is_what_runs_and_whatever_comes(room: Room) -> None:
    running, waiting, theirs = created(), created(), created("other")
    admit(running)
    room.flow()
    room.connect("a")
    room.say("a", {"action": "subscribe", "all": True})
    room.flow()
    assert {frame["data"]["job_id"] for frame in room.gateway.heard["a"]} == {running}
    later = created()
    for job_id in (later, waiting, theirs, running):
        transition_store.transition(job_id, Status.CANCELLED)
    room.flow()
    ends = [frame["data"]["job_id"] for frame in room.gateway.heard["a"] if frame["event"] == "complete"]
    assert sorted(ends) == sorted([later, waiting, running])
    room.say("a", {"action": "unsubscribe", "all": True})
    transition_store.transition(created(), Status.CANCELLED)
    room.flow()
    assert len([frame for frame in room.gateway.heard["a"] if frame["event"] == "complete"]) == 3


def test_somebody_elses_job_and_no_job_are_refused_alike(room: Room) -> None:
    theirs = created("other")
    room.connect("a")
    for job_id in (theirs, UNKNOWN, "nonsense"):
        room.subscribe("a", job_id)
    transition_store.transition(theirs, Status.CANCELLED)
    room.flow()
    first, *others = [json.loads(json.dumps(frame).replace(name, "ID")) for frame, name in
                      zip(room.gateway.heard["a"], (theirs, UNKNOWN, "nonsense"), strict=True)]  # fmt: skip
    assert first["event"] == "error"
    assert others == [first, first]


def test_an_error_is_no_longer_than_a_socket_carries() -> None:
    longest = messages.unknown_jobs(["é" * 256] * MAX_IDS)
    assert len(longest) < 128 * 1024
    assert json.loads(longest)["data"]["job_ids"] == ["é" * 256] * MAX_IDS


SENSELESS = (
    "{", "", "null", "[]", "7", '"ping"', "{}", '{"action": "shout"}', '{"action": "subscribe"}', "é" * 40_000,
    '{"action": "subscribe", "job_ids": "all"}', '{"action": "subscribe", "job_ids": [1]}', '{"action": ["ping"]}',
    json.dumps({"action": "subscribe", "job_ids": ["x"] * (MAX_IDS + 1)}), "[" * 9000,
)  # fmt: skip


def test_what_makes_no_sense_is_answered_and_the_socket_stays(room: Room) -> None:
    room.connect("a")
    for message in SENSELESS:
        room.say("a", message)
    room.say("a", {"action": "ping"})
    *errors, pong = room.gateway.heard["a"]
    assert [(error["event"], error["data"]["error"]) for error in errors] == [("error", "bad_message")] * len(SENSELESS)
    assert pong["event"] == "pong"
    assert not room.gateway.closed


def test_a_connection_listens_to_so_many_jobs_and_no_more(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediajobs.live_progress.subscription_service.MAX_JOBS", 2)
    one, two, three = created(), created(), created()
    room.connect("a")
    room.subscribe("a", one, two)
    room.subscribe("a", two, one)
    room.subscribe("a", three)
    assert [frame["data"]["error"] for frame in room.gateway.heard["a"]] == ["too_many_jobs"]


def test_who_says_too_much_in_a_minute_is_closed_and_told_why(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mediajobs.live_progress.connection_store.MAX_MESSAGES", 3)
    turned = stop_clock(monkeypatch)
    for name in ("a", "b"):
        room.connect(name)
    for _ in range(2):
        for _ in range(3):
            room.say("a", {"action": "ping"})
        turned.advance(seconds=60)
    assert [frame["event"] for frame in room.gateway.heard["a"]] == ["pong"] * 6
    for _ in range(3):
        room.say("a", {"action": "ping"})
    assert room._event("MESSAGE", "a", body='{"action": "ping"}') == {"statusCode": 429}
    assert room.gateway.heard["a"][-1]["data"]["error"] == "too_many_messages"
    assert room.gateway.closed == {"a"}
    room.say("b", {"action": "ping"})
    assert room.gateway.heard["b"][-1]["event"] == "pong"


def test_a_connection_that_is_forgotten_is_closed_when_it_says_something(room: Room) -> None:
    room.say("a", {"action": "ping"})
    assert room.gateway.closed == {"a"}
    assert connections() == []


def test_who_is_gone_is_forgotten_whether_it_says_so_or_not(room: Room) -> None:
    job_id = created()
    for name in ("a", "b", "c"):
        room.connect(name)
        room.subscribe(name, job_id)
    room.say("c", {"action": "subscribe", "all": True})
    room.flow()
    room.disconnect("a")
    room.gateway.gone.add("b")
    admit(job_id)
    room.flow()
    assert items_of(job_id) == {"job", "progress", "last_sent", "subscription#c"}
    room.disconnect("c")
    room.disconnect("c")
    assert connections() == []
    assert items_of(job_id) == {"job", "progress", "last_sent"}


def test_a_revoked_key_hears_no_more(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, other_key = created(), key_store.create("acme")
    room.connect("a")
    room.connect("b", headers={"X-API-Key": other_key})
    room.subscribe("a", job_id)
    room.subscribe("b", job_id)
    room.flow()
    key_store.revoke((split_key(room.keys["acme"]) or ("", ""))[0])
    monkeypatch.setattr(broadcast_service, "_revocations", {})  # ten seconds later
    transition_store.transition(job_id, Status.CANCELLED)
    room.flow()
    assert [len(room.gateway.heard[name]) for name in ("a", "b")] == [1, 2]
    assert room.gateway.closed == {"a"}
    assert {item["holder"]["S"] for item in connections()} == {"b"}


def test_a_deleted_job_is_told_its_end_even_if_both_come_at_once(room: Room) -> None:
    job_id = created()
    room.connect("a")
    room.subscribe("a", job_id)
    room.flow()
    job_store.remove(transition_store.transition(job_id, Status.CANCELLED).job, schedule_cleanup=False)
    records = room.read()
    room.flow(records)
    room.flow(records)
    assert [event for event, _ in room.gateway.frames("a")] == ["progress", "complete"]
    assert items_of(job_id) == {"last_sent"}


def test_deleting_a_job_that_ended_long_ago_is_no_news(room: Room) -> None:
    job_id = created()
    ended = transition_store.transition(job_id, Status.CANCELLED).job
    room.flow()  # nobody listens
    room.connect("a")
    room.say("a", {"action": "subscribe", "all": True})
    job_store.remove(ended, schedule_cleanup=False)
    room.flow()
    assert room.gateway.frames("a") == []


def test_a_push_that_fails_is_made_again_and_holds_up_nobody(room: Room) -> None:
    job_id, failing = created(), {"a": 2}
    for name in ("a", "b"):
        room.connect(name)
        room.subscribe(name, job_id)
    room.flow()

    def fail(connection: str) -> None:
        if failing.get(connection):
            failing[connection] -= 1
            raise refusal("LimitExceededException")

    room.gateway.before_post = fail
    transition_store.transition(job_id, Status.CANCELLED)
    room.flow()
    assert [event for event, _ in room.gateway.frames("b")] == ["progress", "complete"]
    for _ in range(2):
        room.flow()
    assert [event for event, _ in room.gateway.frames("a")] == ["progress", "complete"]
    assert items_of(job_id) == {"job", "last_sent"}


def test_a_connection_to_which_nothing_gets_through_is_given_up(room: Room) -> None:
    def fail(_: str) -> None:
        raise refusal("InternalServerError")

    job_id = created()
    room.connect("a")
    room.subscribe("a", job_id)
    room.gateway.before_post = fail
    for _ in range(6):
        room.flow()
    assert connections() == []
    assert items_of(job_id) == {"job", "last_sent"}
    assert room.gateway.closed == {"a"}  # so it knows, and comes again


def test_pushes_that_fail_now_and_then_are_forgiven(room: Room) -> None:
    job_id, failing = created(status=Status.PENDING), {"a": 0}

    def fail(connection: str) -> None:
        if failing[connection]:
            failing[connection] -= 1
            raise refusal("LimitExceededException")

    room.connect("a")
    room.subscribe("a", job_id)
    room.flow()
    room.gateway.before_post = fail
    for wanted_status in (Status.QUEUED, Status.CANCELLED):
        failing["a"] = 4
        transition_store.transition(job_id, wanted_status)
        for _ in range(5):
            room.flow()
    assert [event for event, _ in room.gateway.frames("a")] == ["progress", "progress", "complete"]


def test_who_cannot_be_cut_off_holds_up_nobody(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise refusal("LimitExceededException")

    job_id, bad = created(), key_store.create("acme")
    room.connect("a")
    room.connect("b", headers={"X-API-Key": bad})
    for name in ("a", "b"):
        room.subscribe(name, job_id)
    room.flow()
    key_store.revoke((split_key(bad) or ("", ""))[0])
    monkeypatch.setattr(broadcast_service, "_revocations", {})  # ten seconds later
    room.gateway.before_close = fail
    transition_store.transition(job_id, Status.CANCELLED)
    room.flow()
    assert [len(room.gateway.heard[name]) for name in ("a", "b")] == [2, 1]
    assert {item["holder"]["S"] for item in connections()} == {"a"}


class Crash(Exception):
    pass


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_duplicates_late_batches_and_crashes_leave_growing_frames_and_the_end(room: Room, data: st.DataObject) -> None:
    """At least once; and where nothing crashed, exactly once."""
    job_id, suffix = created(), str(ULID())
    names = [f"{name}-{suffix}" for name in ("a", "b")]
    steps: list[Callable[[], object]] = [
        lambda: room.subscribe(names[0], job_id),
        lambda: admit(job_id),
        lambda: report(job_id, 30),
        lambda: room.subscribe(names[1], job_id),
        lambda: report(job_id, 60),
        lambda: transition_store.transition(job_id, Status.FAILED),
    ]
    for name in names:
        room.connect(name)
    earlier: list[dict[str, Any]] = []
    crashed = False
    for step in steps:
        step()
        batch = room.read()
        copies = data.draw(st.lists(st.sampled_from(earlier), max_size=3)) if earlier else []
        again, crash = (
            data.draw(st.booleans()),
            data.draw(st.sampled_from([None, None, "mark_greeted", "set_last_sent", "end"])),
        )
        if crash:
            crashed |= interrupted(room, batch, crash)
        room.flow(data.draw(st.permutations(batch + copies)))
        if again:
            room.flow(batch)
        earlier += batch
    for name in names:
        frames = room.gateway.frames(name)
        sequences = [sequence for _, sequence in frames]
        assert sequences == sorted(sequences)
        assert frames[-1][0] == "complete"
        if not crashed:
            assert len(set(sequences)) == len(sequences)
            assert [event for event, _ in frames].count("complete") == 1
    assert items_of(job_id) == {"job", "progress", "last_sent"}
    for name in names:
        room.disconnect(name)


def interrupted(room: Room, batch: list[dict[str, Any]], where: str) -> bool:
    """The function dies between two of its writes; whether it came so far."""

    def die(*_: object) -> None:
        raise Crash

    with pytest.MonkeyPatch.context() as patched, suppress(Crash):
        patched.setattr(subscriber_store, where, die)
        room.flow(batch)
        return False
    return True


def test_a_failure_of_the_table_gives_the_records_back_and_the_other_jobs_go_on(room: Room) -> None:
    broken, whole = created(), created()
    room.connect("a")
    room.subscribe("a", broken, whole)
    records = room.read()
    told = subscriber_store.of_job

    def fail(job_id: str) -> subscriber_store.Partition:
        if job_id == broken:
            raise refusal("ProvisionedThroughputExceededException")
        return told(job_id)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(subscriber_store, "of_job", fail)
        answer = load("broadcast").broadcast({"Records": records}, None)
    first = next(r for r in records if r["dynamodb"]["Keys"]["job_id"]["S"] == broken)["dynamodb"]["SequenceNumber"]
    assert answer == {"batchItemFailures": [{"itemIdentifier": first}]}
    room.flow(records)
    assert sorted(frame["data"]["job_id"] for frame in room.gateway.heard["a"]) == sorted([broken, whole])


def test_listeners_are_in_no_list_of_jobs(room: Room) -> None:
    job_id = created()
    room.connect("a")
    room.subscribe("a", job_id)
    room.say("a", {"action": "subscribe", "all": True})
    room.flow()
    for index in ("by_created", "by_status", "by_updated"):
        found = boto3.client("dynamodb").scan(TableName="JobsTable", IndexName=index)["Items"]
        assert [item["item"]["S"] for item in found] == ["job"]


def test_the_template_gives_the_function_the_records_that_these_tests_give_it() -> None:
    from tests.support.template import template

    event = template()["Resources"]["BroadcastFunction"]["Properties"]["Events"]["JobsStream"]["Properties"]
    patterns = [json.loads(entry["Pattern"])["dynamodb"] for entry in event["FilterCriteria"]["Filters"]]
    assert patterns == [
        {"Keys": {"item": {"S": ["job", "progress"]}}},
        {"Keys": {"item": {"S": [{"prefix": "subscription#"}]}}, "NewImage": {"greeted_sequence": {"N": ["-1"]}}},
    ]
