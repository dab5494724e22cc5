"""Webhooks on the deployed stack: told by the bus, signed, logged, and told again by a replay."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from standardwebhooks import Webhook

from infra.local import Stack
from infra.local.deployment import CLIENT_CONFIG
from infra.local.emulator import session
from mediajobs.aws import dynamodb
from mediajobs.webhooks import delivery_store, endpoint_store
from mediajobs.webhooks.delivery import Delivery
from mediajobs.webhooks.endpoints import EVENTS
from tests.e2e.conftest import caller
from tests.support.waiting import until
from tests.support.webhook_receivers import answer, receiver

ACCOUNT = "told"  # of jobs that no other test ends


@pytest.fixture
def there(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A session to the stack; the stores speak to its tables."""
    found = session(stack.endpoint_url)
    formation = found.client("cloudformation", config=CLIENT_CONFIG)
    resources = formation.get_paginator("list_stack_resources").paginate(StackName="mediajobs")
    names = {
        each["LogicalResourceId"]: each["PhysicalResourceId"]
        for page in resources
        for each in page["StackResourceSummaries"]
    }
    monkeypatch.setenv("WEBHOOKS_TABLE", names["WebhooksTable"])
    monkeypatch.setenv("DELIVERIES_TABLE", names["DeliveriesTable"])
    client = found.client("dynamodb", config=CLIENT_CONFIG)
    monkeypatch.setattr(dynamodb, "client", lambda: client)
    return found


def test_the_end_of_a_job_is_told_and_a_replay_tells_nobody_twice(stack: Stack, there: Any) -> None:
    api = caller(stack, ACCOUNT)
    began = datetime.now(UTC)
    with receiver(answer(503), answer(200)) as site:
        endpoint = endpoint_store.create(ACCOUNT, url=site.url, events=EVENTS, now=began)
        job_id = api.create(filename="never.mp4")["job_id"]
        assert api.ask("POST", f"/jobs/{job_id}/cancel").status_code == 200
        until(lambda: len(site.requests) == 2)  # five seconds lie between

        first, second = site.requests
        told = Webhook(endpoint.secrets[0].secret).verify(second.body, second.headers)
        assert (told["event"], told["job_id"]) == ("job.cancelled", job_id)
        assert (first.headers["webhook-id"], first.body) == (second.headers["webhook-id"], second.body)

        def log() -> list[Delivery]:
            return delivery_store.page(endpoint.webhook_id).deliveries

        until(lambda: log()[0].status == "delivered")
        assert [attempt.status for attempt in log()[0].attempts] == [503, 200]

        events = there.client("events", config=CLIENT_CONFIG)
        (archive,) = events.list_archives()["Archives"]
        source = archive["EventSourceArn"]
        later = endpoint_store.create(ACCOUNT, url=site.url, events=EVENTS, now=began)
        events.start_replay(
            ReplayName=f"again-{job_id}",
            EventSourceArn=events.describe_archive(ArchiveName=archive["ArchiveName"])["ArchiveArn"],
            EventStartTime=began - timedelta(minutes=1),
            EventEndTime=datetime.now(UTC) + timedelta(minutes=1),
            Destination={"Arn": source},
        )
        until(lambda: any(each.job_id == job_id for each in delivery_store.page(later.webhook_id).deliveries))
        until(lambda: len(site.requests) == 3)
        assert len(log()) == 1
        assert site.requests[2].headers["webhook-id"] == first.headers["webhook-id"]
    for each in (endpoint, later):
        endpoint_store.delete(ACCOUNT, each.webhook_id)
