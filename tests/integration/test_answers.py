"""What every answer of the API has in common, whatever it says."""

import pytest
from chalice.test import Client

from mediajobs.stores import keys
from tests.conftest import template
from tests.doors import load

READ = {"RateLimit", "RateLimit-Policy", "Retry-After", "ETag", "Location", "Link", "X-Request-Id"}
READ |= {"Idempotency-Replayed"}
SENT = {"Content-Type", "X-API-Key", "Idempotency-Key", "If-None-Match"}


@pytest.mark.usefixtures("cloud")
def test_a_page_of_another_origin_may_read_every_answer_and_its_headers() -> None:
    key = keys.create("acme", requests_per_minute=2)
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


def test_a_preflight_allows_what_clients_send() -> None:
    allowed = template()["Resources"]["Api"]["Properties"]["Cors"]["AllowHeaders"].strip("'")
    assert set(allowed.split(",")) >= SENT
