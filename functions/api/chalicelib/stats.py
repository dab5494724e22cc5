"""`/jobs/stats`: an account's statistics for any span of time, at the same cost whatever the number of jobs."""

from http import HTTPStatus

from chalice.app import Response

from chalicelib.routes import Asked, Routes, json_answer
from mediajobs import tallies
from mediajobs.requests import Span
from mediajobs.statistics import Statistics, statistics
from mediajobs.stores import rollups

routes = Routes("jobs")


@routes.route("GET", "/jobs/stats", {HTTPStatus.OK: Statistics}, query=Span)
def stats(asked: Asked) -> Response:
    """Statistics of the jobs created in a span of time."""
    span: Span = asked.query
    first = tallies.milliseconds_up(span.from_date) if span.from_date else 0
    last = tallies.milliseconds(span.to_date) if span.to_date else tallies.EPOCH_END - 1
    return json_answer(statistics(rollups.read(asked.caller.account, first, last), span.from_date, span.to_date))
