"""What every answer of the API has in common, whatever it says."""

import boto3
import pytest
from chalice.test import Client
from ulid import ULID

from mediajobs.accounts import key_store
from tests.support.functions import load
from tests.support.template import template

READ = {"RateLimit", "RateLimit-Policy", "Retry-After", "ETag", "Location", "Link", "X-Request-Id"}
READ |= {"Idempotency-Replayed"}
SENT = {"Content-Type", "X-API-Key", "Idempotency-Key", "If-None-Match"}


@pytest.mark.usefixtures("cloud")
def test_a_page_of_another_origin_may_read_every_answer_and_its_headers() -> None:
    key = key_store.create("acme", requests_per_minute=2)
    with Client(load("api").app) as client:
        answers = [
            client.http.request(method, path, headers={"X-API-Key": key})
            for method, path in (
                ("GET", "/health"), ("GET", "/jobs/none"), ("POST", "/jobs"), ("POST", "/jobs")
            )
        ]  # fmt: skip
    assert [answer.status_code for answer in answers] == [200, 404, 400, 429]
    for answer in answers:
        assert answer.headers["Access-Control-Allow-Origin"] == "*"
        assert {name.strip() for name in answer.headers["Access-Control-Expose-Headers"].split(",")} >= READ
        assert answer.headers["Vary"] == "Accept-Encoding"
        assert answer.headers["X-Request-Id"]


@pytest.mark.usefixtures("cloud")
def test_a_row_that_does_not_read_is_not_the_clients_mistake() -> None:
    key, job_id = key_store.create("acme"), str(ULID())
    row = {"job_id": job_id, "item": "job", "account": "acme", "status": "asleep"}
    boto3.client("dynamodb").put_item(TableName="JobsTable", Item={name: {"S": value} for name, value in row.items()})
    with Client(load("api").app) as client:
        answer = client.http.request("POST", f"/jobs/{job_id}/cancel", headers={"X-API-Key": key})
    assert answer.status_code == 500
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "asleep" not in str(answer.json_body)


@pytest.mark.usefixtures("cloud")
def test_head_answers_as_get_where_it_is_declared_and_names_get_elsewhere() -> None:
    with Client(load("api").app) as client:
        healthy = client.http.request("HEAD", "/health")
        assert (healthy.status_code, healthy.body) == (200, b"")
        assert healthy.headers["Content-Type"] == client.http.get("/health").headers["Content-Type"]
        job = client.http.request("HEAD", f"/jobs/{ULID()}")
    assert (job.status_code, job.body) == (405, b"")
    assert job.headers["Allow"] == "DELETE, GET"


def test_a_preflight_allows_what_clients_send() -> None:
    allowed = template()["Resources"]["Api"]["Properties"]["Cors"]["AllowHeaders"].strip("'")
    assert set(allowed.split(",")) >= SENT
