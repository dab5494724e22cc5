"""`/` and `/health`: open to everybody. Only `/health/detailed` checks the parts that the service depends on."""

from http import HTTPStatus

from aws_lambda_powertools import Logger
from chalice.app import Response

import mediajobs
from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs import clock
from mediajobs.health.schemas import DetailedHealth, Health, Home

CACHE_SECONDS = 2.0  # anybody may ask at any rate; the parts themselves are checked at most this often

routes = Routes("service")
logger = Logger(child=True)
_cache: list[tuple[float, DetailedHealth]] = []  # at most one entry: until when it is valid, and the document


@routes.route("GET", "/", {HTTPStatus.OK: Home}, key=None)
def home(_request: ApiRequest) -> Response:
    """Read the name and version of the service, and where its health and its jobs are."""
    return json_answer(Home(version=mediajobs.__version__))


@routes.route("GET", "/health", {HTTPStatus.OK: Health}, key=None)
def health(_request: ApiRequest) -> Response:
    """Check that the service answers. Nothing else is checked."""
    return json_answer(Health())


@routes.route("HEAD", "/health", {HTTPStatus.OK: None}, key=None)
def alive(request: ApiRequest) -> Response:
    """Check that the service answers, without a body: for monitors that ask every few seconds."""
    return health(request)


@routes.route("GET", "/health/detailed", {HTTPStatus.OK: DetailedHealth}, key=None)
def detailed(_request: ApiRequest) -> Response:
    """Read the state of each part of the service.

    The answer is 200 whatever the states are. `overall` is `degraded` where a part does not work, else `warning` where
    a part may soon stop working.
    """
    if not _cache or clock.monotonic() > _cache[0][0]:
        document = _check()
        _cache[:] = [(clock.monotonic() + CACHE_SECONDS, document)]
    return json_answer(_cache[0][1])


def _check() -> DetailedHealth:
    from mediajobs.health.check_service import run_checks  # imported here, because no other route needs these modules
    from mediajobs.health.report import overall

    results = run_checks()
    for name, result in results.items():
        if result.reason:  # reasons tell of internals, so they go to the log only
            logger.warning("not healthy", part=name, state=result.state, reason=result.reason)
    services = {name: {"status": result.state, **result.facts} for name, result in results.items()}
    return DetailedHealth.model_validate(
        {"overall": overall(result.state for result in results.values()), "services": services}
    )
