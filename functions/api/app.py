"""The HTTP API. The routes are in `chalicelib/views`; what every answer has in common is here."""

import uuid
from collections.abc import Callable
from functools import partial

from aws_lambda_powertools import Logger
from chalice.app import Chalice, Request, Response

from chalicelib.http import rate_limit, request_log, responses, route_table
from chalicelib.http.handler import handler
from chalicelib.http.problems import Problem, of_response, unknown_route
from mediajobs import log_format
from mediajobs.aws import dynamodb

app = Chalice(app_name="api", configure_logs=False)
app.api.cors = True
logger = Logger(json_serializer=log_format.to_json)
app.log.addHandler(logger.handlers[0])  # Chalice logs what a view raises
app.log.propagate = False
dynamodb.client()  # the client is made here, because Lambda gives the full CPU while the module is loaded

for operation in route_table.operations():
    _, method, path = operation
    app.route(path, methods=[method], content_types=[])(handler(app, partial(route_table.find, *operation)))


@app.middleware("http")
def complete_answer(event: Request, get_response: Callable[[Request], Response]) -> Response:
    """Turns errors into problem documents, adds the common headers, and writes one line to the log."""
    request_log.begin()
    rate_limit.begin()
    path = event.to_original_event().get("path") or event.context["path"]
    try:
        if event.method not in app.routes.get(event.path, ()):
            raise unknown_route(path, event.method, app.routes)
        response = of_response(get_response(event), path)
    except Problem as problem:
        if problem.__cause__ is not None and problem.status >= 500:
            logger.error("dependency failed", exc_info=problem.__cause__)
        response = problem.as_event_stream() if _is_retried(event, problem) else problem.response(path)
    if not rate_limit.settle(response.status_code):
        logger.warning("request counted under the wrong status class", path=path, status=response.status_code)
    if event.method == "HEAD":
        response.body = ""
    request_id = event.context.get("requestId") or str(uuid.uuid4())
    responses.complete(response, {"X-Request-Id": request_id} | rate_limit.headers())
    logger.info("request", **request_log.fields(event, path, response.status_code, request_id))
    return response


def _is_retried(event: Request, problem: Problem) -> bool:
    """Whether an EventSource sent the request, and the problem is temporary."""
    is_event_source = event.path.startswith("/events/") and "text/event-stream" in event.headers.get("accept", "")
    return is_event_source and "Retry-After" in problem.headers
