"""The paper's own tests, by their names, against the deployed stack; beside each what its call refuses.

The paper's webhook test is with the webhooks. Where the paper looks into its database, this looks into the table.
"""

from collections.abc import Iterator
from typing import Any

import boto3
import pytest
import requests

from infra.local import Stack
from tests.e2e.conftest import Api, caller
from tests.support.waiting import HANG_SECONDS

UNKNOWN = "01ARZ3NDEKTSV4RRFFQ69G5FAV"
SERVICES = {"dynamodb", "s3", "stepfunctions", "eventbridge", "compute", "webhooks", "disk"}
PER_PAGE = 100


@pytest.fixture(scope="module")
def client(stack: Stack) -> Api:
    """A caller whose account nobody else fills."""
    return caller(stack, "paper")


@pytest.fixture(scope="module")
def stranger(stack: Stack) -> Api:
    return caller(stack, "not-the-paper")


@pytest.fixture(scope="module")
def filled(client: Api) -> list[str]:
    """One job more than a page holds, the oldest first; every tenth is urgent, the first three are cancelled."""
    ids = [
        str(client.create(filename=f"{number}.mp4", priority=1 if number % 10 else 10)["job_id"])
        for number in range(PER_PAGE + 1)
    ]
    for job_id in ids[:3]:
        assert client.ask("POST", f"/jobs/{job_id}/cancel").status_code == 200
    return ids


@pytest.fixture
def job_id(client: Api) -> Iterator[str]:
    created = str(client.create(filename="talk.mp4")["job_id"])
    yield created
    client.ask("DELETE", f"/jobs/{created}")


def status_in_table(stack: Stack, job_id: str) -> str | None:
    """None where the table has no such job."""
    table = boto3.resource("dynamodb", endpoint_url=stack.endpoint_url, region_name=stack.region).Table(
        stack.outputs["jobs_table"]
    )
    rows = table.query(
        KeyConditionExpression="job_id = :job_id", ExpressionAttributeValues={":job_id": job_id}, ConsistentRead=True
    )["Items"]
    return next((str(row["status"]) for row in rows if "status" in row), None)


def refused(answer: requests.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.headers["X-Request-Id"]
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    assert document["detail"]
    return document


def listed(client: Api, query: str) -> dict[str, Any]:
    answer = client.ask("GET", f"/jobs?{query}")
    assert answer.status_code == 200, answer.text
    document: dict[str, Any] = answer.json()
    return document


def test_get_job_status(client: Api, job_id: str) -> None:
    response = client.ask("GET", f"/jobs/{job_id}")
    assert response.status_code == 200
    data = response.json()
    assert data["job_id"] == job_id
    assert data["progress"]["overall_progress"] == 0
    assert data["outputs"].keys() == {"360p", "720p", "audio", "thumbnail", "storyboard", "transcription", "hls"}


def test_get_job_status_is_refused(client: Api, stranger: Api, job_id: str) -> None:
    refused(client.ask("GET", f"/jobs/{UNKNOWN}"), 404)
    refused(client.ask("GET", "/jobs/no-id"), 404)
    refused(stranger.ask("GET", f"/jobs/{job_id}"), 403)
    refused(client.ask("GET", f"/jobs/{job_id}", headers={"X-API-Key": "mj_nonsense"}), 401)


def test_list_jobs_pagination(client: Api, filled: list[str]) -> None:
    data = listed(client, "page=1&per_page=10")
    assert (data["page"], data["per_page"]) == (1, 10)
    assert len(data["jobs"]) == 10


def test_a_page_has_a_hundred_jobs_and_the_next_the_rest(client: Api, filled: list[str]) -> None:
    first, second = listed(client, "sort_order=asc"), listed(client, "sort_order=asc&page=2")
    assert [job["job_id"] for job in first["jobs"]] == filled[:PER_PAGE]
    assert [job["job_id"] for job in second["jobs"]][:1] == filled[PER_PAGE:]
    assert first["per_page"] == PER_PAGE
    assert second["total"] > PER_PAGE
    assert second["next_cursor"] is None


def test_list_jobs_filtering(client: Api, filled: list[str]) -> None:
    data = listed(client, "status=cancelled")
    assert {job["job_id"] for job in data["jobs"]} == set(filled[:3])
    assert {job["status"] for job in data["jobs"]} == {"cancelled"}
    assert listed(client, "status=completed")["jobs"] == []


def test_jobs_are_filtered_by_priority_and_date(client: Api, filled: list[str]) -> None:
    assert {job["job_id"] for job in listed(client, "priority=10")["jobs"]} == set(filled[::10])
    first, last = (client.document(filled[place])["created_at"] for place in (10, 20))
    assert set(filled[10:21]) <= {job["job_id"] for job in listed(client, f"from_date={first}&to_date={last}")["jobs"]}
    assert listed(client, "to_date=2020-01-01")["jobs"] == []
    assert listed(client, f"from_date={last}&to_date={first}")["jobs"] == []
    assert len(listed(client, "status=cancelled&priority=10&from_date=2020-01-01")["jobs"]) == 1


def test_a_list_shows_nothing_of_others_and_takes_no_nonsense(client: Api, stranger: Api, filled: list[str]) -> None:
    assert listed(stranger, "")["jobs"] == []
    for query in ("status=done", "priority=11", "per_page=501", "page=0", "from_date=yesterday", "sort_by=secret"):
        assert refused(client.ask("GET", f"/jobs?{query}"), 422)["errors"]
    refused(client.ask("GET", "/jobs?cursor=nonsense"), 400)


def test_cancel_job(client: Api, stack: Stack, job_id: str) -> None:
    response = client.ask("POST", f"/jobs/{job_id}/cancel")
    assert response.status_code == 200
    assert response.json()["status"] == "cancelled"
    assert status_in_table(stack, job_id) == "cancelled"


def test_cancel_job_is_refused(client: Api, stranger: Api, stack: Stack, job_id: str) -> None:
    refused(client.ask("POST", f"/jobs/{UNKNOWN}/cancel"), 404)
    refused(stranger.ask("POST", f"/jobs/{job_id}/cancel"), 403)
    assert status_in_table(stack, job_id) == "pending"


def test_delete_job(client: Api, stack: Stack, job_id: str) -> None:
    response = client.ask("DELETE", f"/jobs/{job_id}")
    assert response.status_code == 200
    assert response.json() == {"job_id": job_id, "deleted": True, "files_deleted": 0}
    refused(client.ask("GET", f"/jobs/{job_id}"), 404)
    assert status_in_table(stack, job_id) is None


def test_delete_job_is_refused(client: Api, stranger: Api, stack: Stack, job_id: str) -> None:
    refused(client.ask("DELETE", f"/jobs/{UNKNOWN}"), 404)
    refused(stranger.ask("DELETE", f"/jobs/{job_id}"), 403)
    refused(client.ask("DELETE", f"/jobs/{job_id}?delete_files=perhaps"), 422)
    assert status_in_table(stack, job_id) == "pending"


def test_statistics(client: Api, filled: list[str]) -> None:
    response = client.ask("GET", "/jobs/stats")
    assert response.status_code == 200
    data = response.json()
    assert data.keys() >= {"total_jobs", "status_breakdown", "processing_metrics", "storage", "success_rate"}
    assert len(data["status_breakdown"]) == 8
    assert sum(data["status_breakdown"].values()) == data["total_jobs"]


def test_statistics_are_refused(client: Api, stranger: Api, filled: list[str]) -> None:
    assert stranger.ask("GET", "/jobs/stats").json()["total_jobs"] == 0
    refused(client.ask("GET", "/jobs/stats?from_date=yesterday"), 422)
    refused(client.ask("GET", "/jobs/stats", headers={"X-API-Key": ""}), 401)


def test_health_check(stack: Stack) -> None:
    response = requests.get(f"{stack.api_url}/health", timeout=HANG_SECONDS)
    assert response.status_code == 200
    assert response.json() == {"status": "healthy"}


def test_detailed_health_check(stack: Stack) -> None:
    response = requests.get(f"{stack.api_url}/health/detailed", timeout=HANG_SECONDS)
    assert response.status_code == 200
    data = response.json()
    assert data["overall"] in ("healthy", "degraded", "warning", "unhealthy")
    assert data["services"].keys() == SERVICES


def test_health_takes_nothing_but_get(stack: Stack) -> None:
    answer = requests.post(f"{stack.api_url}/health", timeout=HANG_SECONDS)
    refused(answer, 405)
    assert answer.headers["Allow"] == "GET, HEAD"
