"""The HTTP API: routes by noun in `chalicelib`, and what is true of every answer here."""

import uuid
from collections.abc import Callable
from functools import partial

from aws_lambda_powertools import Logger
from chalice.app import Chalice, Request, Response

from chalicelib.http import rate_limit, route_table
from chalicelib.http.handler import handler
from chalicelib.http.problems import Problem, of_response, unknown_route
from mediajobs.aws import dynamodb

app = Chalice(app_name="api")
app.api.cors = True
logger = Logger()
dynamodb.dynamodb()  # made here, since Lambda lends a whole processor for as long as this file loads

# What a page of another origin may read, beside the body.
READABLE = (
    "Content-Disposition, ETag, Idempotency-Replayed, Link, Location, RateLimit, RateLimit-Policy, Retry-After, "
    "X-Request-Id"
)
EVERYWHERE = {
    "Access-Control-Allow-Origin": "*",
    "Access-Control-Expose-Headers": READABLE,
    "Vary": "Accept-Encoding",  # the gateway compresses
}

for call in route_table.calls():
    _, method, path = call
    app.route(path, methods=[method], content_types=[])(handler(app, partial(route_table.find, *call)))


@app.middleware("http")
def every_answer(event: Request, get_response: Callable[[Request], Response]) -> Response:
    """Problems in one shape, the headers that are everywhere, and one log line.

    It has the path, never the query, where a key may be.
    """
    rate_limit.begin()
    path = event.to_original_event().get("path") or event.context["path"]
    try:
        if event.method not in app.routes.get(event.path, ()):
            raise unknown_route(path, event.method, app.routes)
        response = of_response(get_response(event), path)
    except Problem as problem:
        if problem.__cause__ is not None and problem.status >= 500:
            logger.error("dependency failed", exc_info=problem.__cause__)
        response = problem.events() if _is_put_off(event, problem) else problem.response(path)
    if not rate_limit.settle(response.status_code):
        logger.warning("a request is counted as what it was not answered with", path=path, status=response.status_code)
    if event.method == "HEAD":
        response.body = ""
    request_id = event.context.get("requestId") or str(uuid.uuid4())
    response.headers |= EVERYWHERE | {"X-Request-Id": request_id} | rate_limit.headers()
    logger.info("request", method=event.method, path=path, status=response.status_code, request_id=request_id)
    return response


def _is_put_off(event: Request, problem: Problem) -> bool:
    """Whether a browser's EventSource asks, for what passes."""
    asks = event.path.startswith("/events/") and "text/event-stream" in event.headers.get("accept", "")
    return asks and "Retry-After" in problem.headers
