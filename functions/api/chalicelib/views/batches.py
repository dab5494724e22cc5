"""`/batches`: the state of jobs that were created with the same `batch_id`."""

import re
from http import HTTPStatus

from chalice.app import Response

from chalicelib.http import job_pages, pagination
from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.api.request_types import BATCH_ID, Paged
from mediajobs.errors import NotFound
from mediajobs.listing import batch_query
from mediajobs.listing.schemas import Batch, ListJobs

routes = Routes("batches")


@routes.route("GET", "/batches/{batch_id}", {HTTPStatus.OK: Batch}, query=Paged, headers={HTTPStatus.OK: ("Link",)})
def get(request: ApiRequest, batch_id: str) -> Response:
    """Read a batch: counts by status, progress, ETA and its jobs, the newest first."""
    if re.fullmatch(BATCH_ID, batch_id) is None:
        raise NotFound("batch", batch_id)
    query = ListJobs(batch_id=batch_id, **request.query.model_dump())
    page = job_pages.read(request, query)
    batch = batch_query.read(request.caller.account, batch_id, page, from_start=query.cursor is None)
    total = sum(batch.counts.values())
    if not total:
        raise NotFound("batch", batch_id)
    cursor = job_pages.next_cursor(request, query, page)
    document = Batch(
        batch_id=batch_id,
        total=total,
        status_breakdown=batch.counts,
        overall_progress=batch.overall_progress,
        eta_seconds=batch.left[0] if batch.left else None,
        eta_range=batch.left[1:] if batch.left else None,
        jobs=batch.jobs,
        page=query.page,
        per_page=query.per_page,
        total_pages=job_pages.page_count(total, query.per_page),
        next_cursor=cursor,
    )
    return json_answer(document, headers=pagination.link(f"/batches/{batch_id}", request.query, cursor))
