"""`/batches`: how the jobs that were created together are doing."""

import re
from http import HTTPStatus

from chalice.app import Response

from chalicelib.http import pagination
from chalicelib.http.problems import Problem
from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from chalicelib.views import job_list
from mediajobs.api.request_types import BATCH_ID, Paged
from mediajobs.listing import batch_query
from mediajobs.listing.schemas import Batch, ListJobs

routes = Routes("batches")


@routes.route("GET", "/batches/{batch_id}", {HTTPStatus.OK: Batch}, query=Paged, headers={HTTPStatus.OK: ("Link",)})
def get(asked: ApiRequest, batch_id: str) -> Response:
    """A batch: counts by status, progress, ETA and its jobs, the newest first."""
    if re.fullmatch(BATCH_ID, batch_id) is None:
        raise _missing(batch_id)
    wanted = ListJobs(batch_id=batch_id, **asked.query.model_dump())
    page = job_list.read(asked, wanted)
    batch = batch_query.read(asked.caller.account, batch_id, page, from_start=wanted.cursor is None)
    total = sum(batch.counts.values())
    if not total:
        raise _missing(batch_id)
    cursor = job_list.next_cursor(asked, wanted, page)
    document = Batch(
        batch_id=batch_id,
        total=total,
        status_breakdown=batch.counts,
        overall_progress=batch.overall_progress,
        eta_seconds=batch.left[0] if batch.left else None,
        eta_range=batch.left[1:] if batch.left else None,
        jobs=batch.jobs,
        page=wanted.page,
        per_page=wanted.per_page,
        total_pages=-(-total // wanted.per_page),
        next_cursor=cursor,
    )
    return json_answer(document, headers=pagination.link(f"/batches/{batch_id}", asked.query, cursor))


def _missing(batch_id: str) -> Problem:
    detail = f"There is no batch {batch_id}. Jobs are of a batch when they are created with its batch_id."
    return Problem(HTTPStatus.NOT_FOUND, detail)
