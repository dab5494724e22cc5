"""The deployed system in one process. Nothing of what is asynchronous happens before a test says so.

The stream of the job rows, the bus and the queues behind it hand their content to the real functions when told to:
once, twice, late, in another order, in other batches.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from contextvars import copy_context
from dataclasses import dataclass
from functools import cache
from typing import Any
from unittest.mock import patch
from urllib.parse import urlencode

import boto3
import pytest
from botocore.config import Config
from botocore.endpoint import Endpoint
from botocore.exceptions import ClientError
from chalice.test import Client
from moto import mock_aws

from mediajobs import clock
from mediajobs.accounts import key_store
from mediajobs.pipeline import admission_service
from mediajobs.storage.object_keys import source_key
from tests.support.clocks import Clock
from tests.support.functions import load
from tests.support.template import SETTINGS, make_tables

BUS, QUEUE = "mediajobs", "bus"
STATE_MACHINE = "arn:aws:states:us-east-1:123456789012:stateMachine:pipeline"


@dataclass(frozen=True)
class Answer:
    status: int
    body: Any  # the JSON, or text where it is none
    headers: dict[str, str]


class Deployment:
    """Close it at the end."""

    def __init__(self, accounts: tuple[str, ...]) -> None:
        self.clock = Clock()
        self.open = ExitStack()
        self.open.enter_context(mock_aws())
        self.open.enter_context(patch.dict(os.environ, SETTINGS | _names()))
        self.open.enter_context(patch.object(clock, "milliseconds", self.clock))
        make_tables(boto3.client("dynamodb"))
        _make_the_rest()
        self.stream = Stream("JobsTable")
        self.bus = Bus()
        self.keys = {account: key_store.create(account, requests_per_minute=1_000_000) for account in accounts}
        # Two instances of the function, as Lambda runs them: the second is for who acts while the first one works.
        self._clients = [self.open.enter_context(Client(load("api", copy).app)) for copy in (0, 1)]
        self._busy = 0
        self.asked: list[tuple[str, str]] = []  # account, class of the answer as `2xx`

    def close(self) -> None:
        self.open.close()

    def ask(
        self,
        account: str,
        method: str,
        path: str,
        body: Any = None,
        query: dict[str, Any] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        """A request with the account's key."""
        client = self._clients[self._busy]
        url = path + (f"?{urlencode(query, doseq=True)}" if query else "")
        sent = {"X-API-Key": self.keys[account], "Content-Type": "application/json"} | (headers or {})
        content = b"" if body is None else json.dumps(body).encode()
        answer = client.http.request(method, url, headers=sent, body=content)
        self.asked.append((account, f"{answer.status_code // 100}xx"))
        text = answer.body.decode()
        is_json = "json" in answer.headers.get("Content-Type", "")
        return Answer(answer.status_code, json.loads(text) if is_json else text, answer.headers)

    def interleaved(self, first: Callable[[], Any], second: Callable[[], Any], *, after: int) -> tuple[Any, Any]:
        """What both give. When the first has made `after` calls to AWS, the second acts, from beginning to end."""
        answers: list[Any] = []

        def act() -> None:
            self._busy = 1
            try:
                answers.append(second())
            finally:
                self._busy = 0

        with _before_call(after, lambda: copy_context().run(act)):
            answer = first()
        if not answers:
            act()
        return answer, answers[0]

    def dying(self, act: Callable[[], Any], *, after: int) -> Any:
        """What it gives where it comes to its end. Of its calls to AWS the one after so many is refused."""

        def refuse() -> None:
            raise ClientError({"Error": {"Code": "ThrottlingException", "Message": "for the test"}}, "Any")

        try:
            with _before_call(after, refuse):
                return act()
        except Exception:  # noqa: BLE001 - whatever a function makes of it: whoever called it calls again
            return None

    def upload(self, job_id: str, size: int) -> None:
        """Puts a source of so many bytes."""
        boto3.client("s3").put_object(Bucket="media", Key=source_key(job_id), Body=b"x" * size)

    def arrived(self, job_id: str, size: int) -> None:
        """S3 tells that the source is there."""
        detail = {"bucket": {"name": "media"}, "object": {"key": source_key(job_id), "size": size}}
        event = {"source": "aws.s3", "detail-type": "Object Created", "detail": detail}
        load("intake").uploaded(_ENVELOPE | event, None)

    def publish(self, records: list[dict[str, Any]]) -> None:
        """A batch of the stream goes through the outbox."""
        if not records:
            return
        assert load("outbox").publish({"Records": records}, None) == {"batchItemFailures": []}

    def update_statistics(self, events: list[dict[str, Any]]) -> None:
        records = [_ENVELOPE_OF_SQS | {"messageId": str(n), "body": json.dumps(e)} for n, e in enumerate(events)]
        if not records:
            return
        assert load("statistics").update_statistics({"Records": records}, None) == {"batchItemFailures": []}

    def schedule(self, event: dict[str, Any]) -> list[str]:
        """Gives the ids of the jobs that were admitted on account of the event."""
        admitted: list[str] = []
        admit = admission_service.admit_waiting

        def noting(*arguments: Any, **more: Any) -> list[str]:
            admitted.extend(admit(*arguments, **more))
            return admitted

        with patch.object(admission_service, "admit_waiting", noting):
            load("scheduler").schedule(event, None)
        return admitted

    def step(self, step: str, job_id: str, attempt: int, **more: Any) -> dict[str, Any]:
        """The state machine asks for a light step. Gives what the next state needs."""
        answer: dict[str, Any] = load("pipeline").step(
            {"step": step, "job_id": job_id, "attempt": attempt, **more}, None
        )
        return answer

    def executions(self) -> dict[str, str]:
        """Name -> status."""
        client = boto3.client("stepfunctions")
        found = client.list_executions(stateMachineArn=STATE_MACHINE)["executions"]
        return {execution["name"]: execution["status"] for execution in found}


class Stream:
    """What a table's stream has to tell, in order."""

    def __init__(self, table: str) -> None:
        self._client = boto3.client("dynamodbstreams", config=Config(account_id_endpoint_mode="disabled"))
        self._arn = boto3.client("dynamodb").describe_table(TableName=table)["Table"]["LatestStreamArn"]
        self._shard = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"][0]["ShardId"]
        self._from: Any = {"ShardIteratorType": "TRIM_HORIZON"}

    def read(self) -> list[dict[str, Any]]:
        """The records since the last time that pass the filter of the outbox, as Lambda gives them."""
        # A new iterator each time: moto's stays with the table as it was before a transaction that was taken back.
        iterator = self._client.get_shard_iterator(StreamArn=self._arn, ShardId=self._shard, **self._from)
        records: list[Any] = self._client.get_records(ShardIterator=iterator["ShardIterator"])["Records"]
        for record in records:
            del record["dynamodb"]["ApproximateCreationDateTime"]
        if records:
            last = records[-1]["dynamodb"]["SequenceNumber"]
            self._from = {"ShardIteratorType": "AFTER_SEQUENCE_NUMBER", "SequenceNumber": last}
        return [record for record in records if record["dynamodb"]["Keys"]["item"]["S"] == "job"]


class Bus:
    """What lies in a queue behind the bus."""

    def __init__(self) -> None:
        self._client = boto3.client("sqs")
        self._url = self._client.get_queue_url(QueueName=QUEUE)["QueueUrl"]

    def read(self) -> list[dict[str, Any]]:
        """Takes all events out of the queue."""
        events: list[dict[str, Any]] = []
        while messages := self._client.receive_message(QueueUrl=self._url, MaxNumberOfMessages=10).get("Messages"):
            events += [_ENVELOPE | json.loads(message["Body"]) for message in messages]
            for message in messages:
                self._client.delete_message(QueueUrl=self._url, ReceiptHandle=message["ReceiptHandle"])
        return events


_ENVELOPE = {"id": "", "account": "", "time": "", "region": "", "resources": [], "version": "0"}
_ENVELOPE_OF_SQS: dict[str, Any] = dict.fromkeys(
    ("receiptHandle", "md5OfBody", "eventSource", "eventSourceARN", "awsRegion"), ""
) | {"attributes": {}, "messageAttributes": {}}


@contextmanager
def _before_call(number: int, act: Callable[[], None]) -> Iterator[None]:
    """Before the call to AWS with this number is sent, somebody else acts."""
    send, sent = Endpoint.make_request, 0

    def late(self: Endpoint, operation: Any, request: Any) -> Any:
        nonlocal sent
        sent += 1
        if sent == number + 1:
            act()
        return send(self, operation, request)

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Endpoint, "make_request", late)
        yield


def _names() -> dict[str, str]:
    return {"EVENT_BUS": BUS, "STATE_MACHINE": STATE_MACHINE, "TASK_HEARTBEAT_SECONDS": "10"}


def _make_the_rest() -> None:
    """Bucket, stream, bus with a queue behind it, state machine."""
    boto3.client("s3").create_bucket(Bucket="media")
    boto3.client("dynamodb").update_table(
        TableName="JobsTable", StreamSpecification={"StreamEnabled": True, "StreamViewType": "NEW_AND_OLD_IMAGES"}
    )
    queues, events = boto3.client("sqs"), boto3.client("events")
    for name in (QUEUE, "background"):
        queues.create_queue(QueueName=name)
    events.create_event_bus(Name=BUS)
    events.put_rule(Name="all", EventBusName=BUS, EventPattern=json.dumps({"source": ["mediajobs"]}))
    arn = f"arn:aws:sqs:us-east-1:123456789012:{QUEUE}"
    events.put_targets(Rule="all", EventBusName=BUS, Targets=[{"Id": "queue", "Arn": arn}])
    boto3.client("stepfunctions").create_state_machine(
        name="pipeline", definition=_definition(), roleArn="arn:aws:iam::123456789012:role/pipeline"
    )


@cache
def _definition() -> str:
    """It is never run here."""
    return json.dumps({"StartAt": "A", "States": {"A": {"Type": "Pass", "End": True}}})
