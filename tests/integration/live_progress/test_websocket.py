"""Live progress through the real functions, on the template's tables in process; the gateway's side alone is played."""

import io
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
from mediajobs.accounts.api_keys import assemble_key, split_key
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
        self.asked: list[str] = []
        self.closed: set[str] = set()
        self.before_post: Callable[[str], None] = lambda _: None
        self.before_close: Callable[[str], None] = lambda _: None

    def post_to_connection(self, ConnectionId: str, Data: bytes) -> None:  # noqa: N803 - boto3's names
        self.before_post(ConnectionId)
        if ConnectionId in self.gone | self.closed:
            raise refusal("GoneException")
        self.heard[ConnectionId].append(json.loads(Data))

    def get_connection(self, ConnectionId: str) -> None:  # noqa: N803 - boto3's names
        self.asked.append(ConnectionId)
        if ConnectionId in self.gone | self.closed:
            raise refusal("GoneException")

    def delete_connection(self, ConnectionId: str) -> None:  # noqa: N803 - boto3's names
        self.before_close(ConnectionId)
        self.closed.add(ConnectionId)

    def frames(self, connection: str) -> list[tuple[str, int]]:
        return [(frame["event"], frame["data"]["sequence"]) for frame in self.heard[connection]]


class WebSocketSystem:
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

    def send(self, connection: str, message: Any) -> None:
        body = message if isinstance(message, str) else json.dumps(message)
        assert self._event("MESSAGE", connection, body=body) == {"statusCode": 200}

    def subscribe(self, connection: str, *job_ids: str) -> None:
        self.send(connection, {"action": "subscribe", "job_ids": list(job_ids)})

    def disconnect(self, connection: str) -> None:
        self._event("DISCONNECT", connection)

    def changes(self) -> list[dict[str, Any]]:
        """The records since the last time that pass the filter of the template."""
        answer = self._stream.get_records(ShardIterator=self._next)
        self._next = answer["NextShardIterator"]
        records: list[Any] = answer["Records"]
        for record in records:
            del record["dynamodb"]["ApproximateCreationDateTime"]
        return [record for record in records if wanted(record)]

    def deliver_changes(self, records: list[dict[str, Any]] | None = None) -> None:
        found = self.changes() if records is None else records
        if found:
            assert load("broadcast").broadcast({"Records": found}, None) == {"batchItemFailures": []}

    def _event(self, kind: str, connection: str, **more: Any) -> dict[str, Any]:
        about = {"eventType": kind, "connectionId": connection, "apiId": "sockets", "stage": "test", "domainName": "x"}
        about |= more.pop("context", {})
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
def sockets(cloud: None, monkeypatch: pytest.MonkeyPatch) -> WebSocketSystem:
    gateway = Gateway()
    monkeypatch.setattr(push_client, "gateway", lambda: gateway)
    monkeypatch.setattr(push_client, "ThreadPoolExecutor", OneByOne)
    monkeypatch.setattr(broadcast_service, "_revocations", {})
    boto3.client("dynamodb").update_table(
        TableName="JobsTable", StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    )
    return WebSocketSystem(gateway)


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
    """The items of connections, without those that count the open ones of an account."""
    items = boto3.client("dynamodb").scan(TableName="ConnectionsTable")["Items"]
    return [item for item in items if not item["holder"]["S"].startswith("open#")]


def test_only_a_good_key_connects_from_the_header_or_the_query(sockets: WebSocketSystem) -> None:
    assert sockets.connect("a") == 200
    assert sockets.connect("b", headers={"x-API-key": sockets.keys["acme"]}) == 200
    for event in ({"headers": None, "queryStringParameters": None}, {"headers": {"X-API-Key": "mj_nonsense"}}):
        assert sockets.connect("c", **event) == 401
    key_store.revoke((split_key(sockets.keys["acme"]) or ("", ""))[0])
    assert sockets.connect("d") == 401
    tight = key_store.create("acme", requests_per_minute=1)
    assert [sockets.connect(name, headers={"X-API-Key": tight}) for name in ("e", "f")] == [200, 429]


def test_a_listener_hears_the_present_state_then_each_change_and_the_end_once(sockets: WebSocketSystem) -> None:
    job_id = created()
    sockets.connect("a")
    sockets.subscribe("a", job_id)
    sockets.deliver_changes()
    admit(job_id)
    sockets.deliver_changes()
    for percent in (10, 20):
        report(job_id, percent)
        sockets.deliver_changes()
    transition_store.transition(job_id, Status.CANCELLED)
    sockets.deliver_changes()
    assert [event for event, _ in sockets.gateway.frames("a")] == ["progress"] * 4 + ["complete"]
    sequences = [sequence for _, sequence in sockets.gateway.frames("a")]
    assert sequences == sorted(set(sequences))
    assert items_of(job_id) == {"job", "progress", "last_sent"}
    assert [item["item"]["S"] for item in connections()] == ["#"]


def test_who_comes_late_or_again_is_told_where_the_job_is_now(sockets: WebSocketSystem) -> None:
    job_id = created(status=Status.PENDING)
    sockets.connect("a")
    for _ in range(2):
        sockets.subscribe("a", job_id)
        sockets.deliver_changes()
    assert sockets.gateway.frames("a") == [("progress", 1_000_000)] * 2
    transition_store.transition(job_id, Status.CANCELLED)
    sockets.deliver_changes()
    sockets.connect("b")
    sockets.subscribe("b", job_id)
    sockets.deliver_changes()
    assert sockets.gateway.frames("b") == [("complete", 2_000_000)]
    assert sockets.gateway.frames("a")[2:] == [("complete", 2_000_000)]


def test_each_of_a_crowd_is_greeted_once(sockets: WebSocketSystem) -> None:
    job_id, crowd = created(), [f"c{number}" for number in range(5)]
    for name in crowd:
        sockets.connect(name)
        sockets.subscribe(name, job_id)
    sockets.deliver_changes()
    assert {subscription.greeted_sequence for subscription in subscriber_store.of_job(job_id).subscriptions} == {
        1_000_000
    }
    sockets.connect("late")
    sockets.subscribe("late", job_id)
    sockets.deliver_changes()
    assert [len(sockets.gateway.heard[name]) for name in (*crowd, "late")] == [1] * 6


def test_who_retries_at_the_end_and_listens_again_hears_of_it(sockets: WebSocketSystem) -> None:
    job_id = created()
    sockets.connect("a")
    sockets.subscribe("a", job_id)
    sockets.deliver_changes()
    transition_store.transition(job_id, Status.CANCELLED)

    def at_once(_: str) -> None:
        sockets.gateway.before_post = lambda _: None
        transition_store.transition(job_id, Status.QUEUED, retry=True)
        sockets.subscribe("a", job_id)

    sockets.gateway.before_post = at_once  # while the function still tells the end
    for _ in range(2):
        sockets.deliver_changes()
    transition_store.transition(job_id, Status.CANCELLED)
    sockets.deliver_changes()
    assert [event for event, _ in sockets.gateway.frames("a")] == ["progress", "complete", "progress", "complete"]
    assert items_of(job_id) == {"job", "last_sent"}


def test_unsubscribed_is_silent(sockets: WebSocketSystem) -> None:
    one, other = created(), created()
    sockets.connect("a")
    sockets.subscribe("a", one, other)
    sockets.deliver_changes()
    sockets.send("a", {"action": "unsubscribe", "job_ids": [one, UNKNOWN, "nonsense"]})
    for job_id in (one, other):
        transition_store.transition(job_id, Status.CANCELLED)
    sockets.deliver_changes()
    assert [frame["data"]["job_id"] for frame in sockets.gateway.heard["a"] if frame["event"] == "complete"] == [other]


def test_all_is_what_runs_and_whatever_comes(sockets: WebSocketSystem) -> None:
    running, waiting, theirs = created(), created(), created("other")
    admit(running)
    sockets.deliver_changes()
    sockets.connect("a")
    sockets.send("a", {"action": "subscribe", "all": True})
    sockets.deliver_changes()
    assert {frame["data"]["job_id"] for frame in sockets.gateway.heard["a"]} == {running}
    later = created()
    for job_id in (later, waiting, theirs, running):
        transition_store.transition(job_id, Status.CANCELLED)
    sockets.deliver_changes()
    ends = [frame["data"]["job_id"] for frame in sockets.gateway.heard["a"] if frame["event"] == "complete"]
    assert sorted(ends) == sorted([later, waiting, running])
    sockets.send("a", {"action": "unsubscribe", "all": True})
    transition_store.transition(created(), Status.CANCELLED)
    sockets.deliver_changes()
    assert len([frame for frame in sockets.gateway.heard["a"] if frame["event"] == "complete"]) == 3


def test_somebody_elses_job_and_no_job_are_refused_alike(sockets: WebSocketSystem) -> None:
    theirs = created("other")
    sockets.connect("a")
    for job_id in (theirs, UNKNOWN, "nonsense"):
        sockets.subscribe("a", job_id)
    transition_store.transition(theirs, Status.CANCELLED)
    sockets.deliver_changes()
    first, *others = [json.loads(json.dumps(frame).replace(name, "ID")) for frame, name in
                      zip(sockets.gateway.heard["a"], (theirs, UNKNOWN, "nonsense"), strict=True)]  # fmt: skip
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


def test_what_makes_no_sense_is_answered_and_the_socket_stays(sockets: WebSocketSystem) -> None:
    sockets.connect("a")
    for message in SENSELESS:
        sockets.send("a", message)
    sockets.send("a", {"action": "ping"})
    *errors, pong = sockets.gateway.heard["a"]
    assert [(error["event"], error["data"]["error"]) for error in errors] == [("error", "bad_message")] * len(SENSELESS)
    assert pong["event"] == "pong"
    assert not sockets.gateway.closed


def test_a_connection_listens_to_so_many_jobs_and_no_more(
    sockets: WebSocketSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediajobs.live_progress.subscription_service.MAX_JOBS", 2)
    one, two, three = created(), created(), created()
    sockets.connect("a")
    sockets.subscribe("a", one, two)
    sockets.subscribe("a", two, one)
    sockets.subscribe("a", three)
    assert [frame["data"]["error"] for frame in sockets.gateway.heard["a"]] == ["too_many_jobs"]


def test_who_says_too_much_in_a_minute_is_closed_and_told_why(
    sockets: WebSocketSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mediajobs.live_progress.connection_store.MAX_MESSAGES", 3)
    turned = stop_clock(monkeypatch)
    for name in ("a", "b"):
        sockets.connect(name)
    for _ in range(2):
        for _ in range(3):
            sockets.send("a", {"action": "ping"})
        turned.advance(seconds=60)
    assert [frame["event"] for frame in sockets.gateway.heard["a"]] == ["pong"] * 6
    for _ in range(3):
        sockets.send("a", {"action": "ping"})
    assert sockets._event("MESSAGE", "a", body='{"action": "ping"}') == {"statusCode": 429}
    assert sockets.gateway.heard["a"][-1]["data"]["error"] == "too_many_messages"
    assert sockets.gateway.closed == {"a"}
    sockets.send("b", {"action": "ping"})
    assert sockets.gateway.heard["b"][-1]["event"] == "pong"


def test_a_connection_that_is_forgotten_is_closed_when_it_says_something(sockets: WebSocketSystem) -> None:
    sockets.send("a", {"action": "ping"})
    assert sockets.gateway.closed == {"a"}
    assert connections() == []


def test_who_is_gone_is_forgotten_whether_it_says_so_or_not(sockets: WebSocketSystem) -> None:
    job_id = created()
    for name in ("a", "b", "c"):
        sockets.connect(name)
        sockets.subscribe(name, job_id)
    sockets.send("c", {"action": "subscribe", "all": True})
    sockets.deliver_changes()
    sockets.disconnect("a")
    sockets.gateway.gone.add("b")
    admit(job_id)
    sockets.deliver_changes()
    assert items_of(job_id) == {"job", "progress", "last_sent", "subscription#c"}
    sockets.disconnect("c")
    sockets.disconnect("c")
    assert connections() == []
    assert items_of(job_id) == {"job", "progress", "last_sent"}


def test_a_revoked_key_hears_no_more(sockets: WebSocketSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    job_id, other_key = created(), key_store.create("acme")
    sockets.connect("a")
    sockets.connect("b", headers={"X-API-Key": other_key})
    sockets.subscribe("a", job_id)
    sockets.subscribe("b", job_id)
    sockets.deliver_changes()
    key_store.revoke((split_key(sockets.keys["acme"]) or ("", ""))[0])
    monkeypatch.setattr(broadcast_service, "_revocations", {})  # ten seconds later
    transition_store.transition(job_id, Status.CANCELLED)
    sockets.deliver_changes()
    assert [len(sockets.gateway.heard[name]) for name in ("a", "b")] == [1, 2]
    assert sockets.gateway.closed == {"a"}
    assert {item["holder"]["S"] for item in connections()} == {"b"}


def test_a_deleted_job_is_told_its_end_even_if_both_come_at_once(sockets: WebSocketSystem) -> None:
    job_id = created()
    sockets.connect("a")
    sockets.subscribe("a", job_id)
    sockets.deliver_changes()
    job_store.remove(transition_store.transition(job_id, Status.CANCELLED).job, schedule_cleanup=False)
    records = sockets.changes()
    sockets.deliver_changes(records)
    sockets.deliver_changes(records)
    assert [event for event, _ in sockets.gateway.frames("a")] == ["progress", "complete"]
    assert items_of(job_id) == {"last_sent"}


def test_deleting_a_job_that_ended_long_ago_is_no_news(sockets: WebSocketSystem) -> None:
    job_id = created()
    ended = transition_store.transition(job_id, Status.CANCELLED).job
    sockets.deliver_changes()  # nobody listens
    sockets.connect("a")
    sockets.send("a", {"action": "subscribe", "all": True})
    job_store.remove(ended, schedule_cleanup=False)
    sockets.deliver_changes()
    assert sockets.gateway.frames("a") == []


def test_a_push_that_fails_is_made_again_and_holds_up_nobody(sockets: WebSocketSystem) -> None:
    job_id, failing = created(), {"a": 2}
    for name in ("a", "b"):
        sockets.connect(name)
        sockets.subscribe(name, job_id)
    sockets.deliver_changes()

    def fail(connection: str) -> None:
        if failing.get(connection):
            failing[connection] -= 1
            raise refusal("LimitExceededException")

    sockets.gateway.before_post = fail
    transition_store.transition(job_id, Status.CANCELLED)
    sockets.deliver_changes()
    assert [event for event, _ in sockets.gateway.frames("b")] == ["progress", "complete"]
    for _ in range(2):
        sockets.deliver_changes()
    assert [event for event, _ in sockets.gateway.frames("a")] == ["progress", "complete"]
    assert items_of(job_id) == {"job", "last_sent"}


def test_a_connection_to_which_nothing_gets_through_is_given_up(sockets: WebSocketSystem) -> None:
    def fail(_: str) -> None:
        raise refusal("InternalServerError")

    job_id = created()
    sockets.connect("a")
    sockets.subscribe("a", job_id)
    sockets.gateway.before_post = fail
    for _ in range(6):
        sockets.deliver_changes()
    assert connections() == []
    assert items_of(job_id) == {"job", "last_sent"}
    assert sockets.gateway.closed == {"a"}  # so it knows, and comes again


def test_pushes_that_fail_now_and_then_are_forgiven(sockets: WebSocketSystem) -> None:
    job_id, failing = created(status=Status.PENDING), {"a": 0}

    def fail(connection: str) -> None:
        if failing[connection]:
            failing[connection] -= 1
            raise refusal("LimitExceededException")

    sockets.connect("a")
    sockets.subscribe("a", job_id)
    sockets.deliver_changes()
    sockets.gateway.before_post = fail
    for wanted_status in (Status.QUEUED, Status.CANCELLED):
        failing["a"] = 4
        transition_store.transition(job_id, wanted_status)
        for _ in range(5):
            sockets.deliver_changes()
    assert [event for event, _ in sockets.gateway.frames("a")] == ["progress", "progress", "complete"]


def test_who_cannot_be_cut_off_holds_up_nobody(sockets: WebSocketSystem, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(_: str) -> None:
        raise refusal("LimitExceededException")

    job_id, bad = created(), key_store.create("acme")
    sockets.connect("a")
    sockets.connect("b", headers={"X-API-Key": bad})
    for name in ("a", "b"):
        sockets.subscribe(name, job_id)
    sockets.deliver_changes()
    key_store.revoke((split_key(bad) or ("", ""))[0])
    monkeypatch.setattr(broadcast_service, "_revocations", {})  # ten seconds later
    sockets.gateway.before_close = fail
    transition_store.transition(job_id, Status.CANCELLED)
    sockets.deliver_changes()
    assert [len(sockets.gateway.heard[name]) for name in ("a", "b")] == [2, 1]
    assert {item["holder"]["S"] for item in connections()} == {"a"}


class Crash(Exception):
    pass


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_duplicates_late_batches_and_crashes_leave_growing_frames_and_the_end(
    sockets: WebSocketSystem, data: st.DataObject
) -> None:
    """At least once; and where nothing crashed, exactly once."""
    job_id, suffix = created(), str(ULID())
    names = [f"{name}-{suffix}" for name in ("a", "b")]
    steps: list[Callable[[], object]] = [
        lambda: sockets.subscribe(names[0], job_id),
        lambda: admit(job_id),
        lambda: report(job_id, 30),
        lambda: sockets.subscribe(names[1], job_id),
        lambda: report(job_id, 60),
        lambda: transition_store.transition(job_id, Status.FAILED),
    ]
    for name in names:
        sockets.connect(name)
    earlier: list[dict[str, Any]] = []
    crashed = False
    for step in steps:
        step()
        batch = sockets.changes()
        copies = data.draw(st.lists(st.sampled_from(earlier), max_size=3)) if earlier else []
        again, crash = (
            data.draw(st.booleans()),
            data.draw(st.sampled_from([None, None, "mark_greeted", "set_last_sent", "end"])),
        )
        if crash:
            crashed |= interrupted(sockets, batch, crash)
        sockets.deliver_changes(data.draw(st.permutations(batch + copies)))
        if again:
            sockets.deliver_changes(batch)
        earlier += batch
    for name in names:
        frames = sockets.gateway.frames(name)
        sequences = [sequence for _, sequence in frames]
        assert sequences == sorted(sequences)
        assert frames[-1][0] == "complete"
        if not crashed:
            assert len(set(sequences)) == len(sequences)
            assert [event for event, _ in frames].count("complete") == 1
    assert items_of(job_id) == {"job", "progress", "last_sent"}
    for name in names:
        sockets.disconnect(name)


def interrupted(sockets: WebSocketSystem, batch: list[dict[str, Any]], where: str) -> bool:
    """The function dies between two of its writes; whether it came so far."""

    def die(*_: object) -> None:
        raise Crash

    with pytest.MonkeyPatch.context() as patched, suppress(Crash):
        patched.setattr(subscriber_store, where, die)
        sockets.deliver_changes(batch)
        return False
    return True


def test_a_failure_of_the_table_gives_the_records_back_and_the_other_jobs_go_on(sockets: WebSocketSystem) -> None:
    broken, whole = created(), created()
    sockets.connect("a")
    sockets.subscribe("a", broken, whole)
    records = sockets.changes()
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
    sockets.deliver_changes(records)
    assert sorted(frame["data"]["job_id"] for frame in sockets.gateway.heard["a"]) == sorted([broken, whole])


def test_listeners_are_in_no_list_of_jobs(sockets: WebSocketSystem) -> None:
    job_id = created()
    sockets.connect("a")
    sockets.subscribe("a", job_id)
    sockets.send("a", {"action": "subscribe", "all": True})
    sockets.deliver_changes()
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


def test_the_log_says_who_connected_from_where_and_never_with_which_secret(sockets: WebSocketSystem) -> None:
    function, stream = load("websocket"), io.StringIO()
    before = function.logger.handlers[0].setStream(stream)
    key, tight = sockets.keys["acme"], key_store.create("acme", requests_per_minute=1)
    forged = assemble_key(key.split("_")[1], "x" * 32)
    context = {"requestId": "r1", "routeKey": "$connect", "identity": {"sourceIp": "192.0.2.7"}}
    try:
        for shown in (key, forged, tight, tight, "mj_typo"):
            sockets._event("CONNECT", "a", headers={"X-API-Key": shown}, context=context)
        sockets._event("MESSAGE", "a", body='{"action": "ping"}', context=context)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(messages, "read", lambda _: 1 / 0)
            with pytest.raises(ZeroDivisionError):
                sockets._event("MESSAGE", "a", body=key, context=context)
    finally:
        function.logger.handlers[0].setStream(before)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    key_id, other_id = key.split("_")[1], tight.split("_")[1]
    assert [(line["status"], line.get("key_id"), line.get("account")) for line in lines] == [
        (200, key_id, "acme"), (401, key_id, None), (200, other_id, "acme"), (429, other_id, "acme"), (401, None, None),
        (200, other_id, "acme"), (500, None, None),
    ]  # fmt: skip
    assert [line.get("reason") for line in lines[:5]] == [None, "key", None, "rate_limit", "key"]
    for line in lines:
        assert (line["request_id"], line["source_ip"], line["route"]) == ("r1", "192.0.2.7", "$connect")
        assert line["connection_id"] == "a"
        assert isinstance(line["latency_ms"], int)
    assert not [shown for shown in (key, forged, tight) if shown.split("_")[2] in stream.getvalue()]
