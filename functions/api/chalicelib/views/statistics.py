"""`/jobs/stats`: statistics of an account for any span of time, at a cost independent of the number of jobs."""

from http import HTTPStatus

from chalice.app import Response

from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs import timestamps
from mediajobs.api.request_types import Span
from mediajobs.statistics import counter_store, time_blocks
from mediajobs.statistics.schemas import Statistics, statistics

routes = Routes("jobs")


@routes.route("GET", "/jobs/stats", {HTTPStatus.OK: Statistics}, query=Span)
def stats(request: ApiRequest) -> Response:
    """Read statistics of the jobs that were created in a span of time."""
    span: Span = request.query
    first = timestamps.to_milliseconds_rounded_up(span.from_date) if span.from_date else 0
    last = timestamps.to_milliseconds(span.to_date) if span.to_date else time_blocks.EPOCH_END - 1
    return json_answer(
        statistics(counter_store.read(request.caller.account, first, last), span.from_date, span.to_date)
    )
