"""What meets a transaction on its item, or sends a write twice, comes through all the same.

Neither moto nor the local stack ever refuses for that; here the wire does, once.
"""

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.endpoint import Endpoint
from botocore.exceptions import ReadTimeoutError

from mediajobs import clock
from mediajobs.accounts import quota_store
from mediajobs.errors import Conflict
from mediajobs.jobs import job_store, progress_store, transition_store
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import Job
from mediajobs.jobs.progress import TaskProgress
from mediajobs.jobs.tables import JobRow
from mediajobs.media.source import SourceFacts
from mediajobs.pipeline import admission_service
from tests.support.jobs import create_job
from tests.support.refused_writes import CANCELLED, CONFLICT, refused

pytestmark = pytest.mark.usefixtures("cloud")

FACTS = SourceFacts(container="mp4", duration_seconds=10, size_bytes=9, sha256="", video=None, audio=None)


@pytest.fixture
def running() -> str:
    create_job(job_id="J", status=Status.QUEUED)
    assert admission_service.admit("acme") == ["J"]
    return "J"


def test_a_job_is_read_while_its_progress_is_written(running: str) -> None:
    with refused("TransactGetItems", CANCELLED) as sent:
        job, reported = job_store.get_with_progress(running)
    assert (job.status, reported is not None, len(sent)) == (Status.PROCESSING, True, 2)


@pytest.mark.parametrize(
    "write",
    [
        lambda: job_store.set_priority(job_store.get("J"), 9),
        lambda: job_store.record_source("J", 1, FACTS),
        lambda: quota_store.change("acme", {"stored_bytes": 5}),
        lambda: progress_store.report("J", 1, {"transcode_360p": TaskProgress(status="running", progress=10)}),
    ],
    ids=["priority", "source", "quota", "report"],
)
def test_a_single_write_is_tried_again(running: str, write: Callable[[], object]) -> None:
    with refused("UpdateItem", CONFLICT) as sent:
        write()
    assert len(sent) == 2


def test_a_creation_that_is_sent_twice_is_the_same_transaction() -> None:
    """Its answer was lost: by its token DynamoDB knows the second for the first."""
    tokens: list[str] = []
    answer: Any = vars(Endpoint)["_do_get_response"]

    def losing(self: Endpoint, request: Any, operation: Any, context: Any) -> Any:
        answered = answer(self, request, operation, context)
        if operation.name == "TransactWriteItems":
            tokens.append(json.loads(request.body)["ClientRequestToken"])
        return (None, ReadTimeoutError(endpoint_url=request.url)) if len(tokens) == 1 else answered

    moment = clock.now()
    wanted = Job(
        job_id="K", account="acme", status=Status.PENDING, filename="a.mp4", created_at=moment, updated_at=moment
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Endpoint, "_do_get_response", losing)
        with pytest.raises(Conflict):  # of moto alone, which knows no tokens
            job_store.create(wanted)
    assert len(tokens) == 2
    assert len(set(tokens)) == 1


def test_what_validation_finds_while_a_job_is_cancelled_keeps_its_place_in_the_list(running: str) -> None:
    known = job_store.get(running)
    job_store.record_source(running, 1, FACTS)
    transition_store.transition(running, Status.CANCELLED, current=known)
    row = JobRow.get(running, "job")
    assert (row.status, row.duration_seconds, row.duration_key) == ("cancelled", 10, "000000010000#J")
