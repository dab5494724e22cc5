"""What the outbox does with what it cannot tell."""

import json
from typing import Any

import boto3
import pytest
from aws_lambda_powertools.utilities.batch.exceptions import BatchProcessingError

from tests.support.functions import load

pytestmark = pytest.mark.usefixtures("cloud")


class Bus:
    """EventBridge: it takes what it is given, or refuses it."""

    def __init__(self, *, well: bool = True) -> None:
        self.well = well
        self.told: list[str] = []

    def put_events(self, *, Entries: list[dict[str, Any]]) -> dict[str, Any]:  # noqa: N803
        if not self.well:
            return {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "InternalFailure"}]}
        self.told += [json.loads(entry["Detail"])["job_id"] for entry in Entries]
        return {"FailedEntryCount": 0, "Entries": [{}]}


def record(job_id: str, **malformed: Any) -> dict[str, Any]:
    """A job was created; `malformed` are attributes of its row."""
    fields = {"item": "job", "job_id": job_id, "account": "acme", "filename": "wedding.mp4", "status": "queued"}
    image: dict[str, Any] = {name: {"S": value} for name, value in (fields | {"updated_at": "now"}).items()}
    image |= {name: {"N": "1"} for name in ("version", "attempt", "priority")}
    keys = {name: image[name] for name in ("job_id", "item")}
    change = {"Keys": keys, "NewImage": image | malformed, "SequenceNumber": f"at-{job_id}"}
    return {"eventID": f"E-{job_id}", "eventName": "INSERT", "eventSourceARN": "arn:stream", "dynamodb": change}


@pytest.fixture
def failed() -> Any:
    """The queue."""
    return boto3.resource("sqs").create_queue(QueueName="failed")


@pytest.mark.parametrize(
    ("malformed", "error"),
    [
        ({"version": {"S": "one"}}, "ValueError"),
        ({"priority": {"Q": "?"}}, "TypeError"),
        ({"outputs": {"S": "{half"}}, "JSONDecodeError"),
        ({"filename": {"NULL": True}}, "ValidationError"),
    ],
)
def test_a_record_that_cannot_be_read_is_left_to_a_person_and_holds_up_nobody(
    monkeypatch: pytest.MonkeyPatch, failed: Any, malformed: dict[str, Any], error: str
) -> None:
    outbox, bus = load("outbox"), Bus()
    monkeypatch.setattr(outbox, "_events", lambda: bus)
    records = [record("A"), record("B", **malformed), record("C")]
    assert outbox.publish({"Records": records}, None) == {"batchItemFailures": []}
    assert bus.told == ["A", "C"]
    (message,) = failed.receive_messages()
    assert json.loads(message.body) == {
        "eventID": "E-B",
        "eventName": "INSERT",
        "eventSourceARN": "arn:stream",
        "dynamodb": {"Keys": {"job_id": {"S": "B"}, "item": {"S": "job"}}, "SequenceNumber": "at-B"},
        "error": error,
    }


def test_what_the_bus_refuses_is_told_again(monkeypatch: pytest.MonkeyPatch, failed: Any) -> None:
    outbox = load("outbox")
    monkeypatch.setattr(outbox, "_events", lambda: Bus(well=False))
    with pytest.raises(BatchProcessingError):
        outbox.publish({"Records": [record("A")]}, None)
    assert failed.receive_messages() == []


def test_a_record_that_can_be_left_to_nobody_is_read_again(monkeypatch: pytest.MonkeyPatch) -> None:
    outbox, bus = load("outbox"), Bus()
    monkeypatch.setattr(outbox, "_events", lambda: bus)
    records = [record("A"), record("B", version={"S": "one"})]  # and there is no queue
    assert outbox.publish({"Records": records}, None) == {"batchItemFailures": [{"itemIdentifier": "at-B"}]}
