"""`/` and `/health`: open to everybody. Only `/health/detailed` looks at what is behind the service."""

import time
from http import HTTPStatus

from aws_lambda_powertools import Logger
from chalice.app import Response

import mediajobs
from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.health.schemas import DetailedHealth, Health, Home

KEPT_SECONDS = 2.0  # everybody may ask, as often as they like: what is behind is asked no oftener than this

routes = Routes("service")
logger = Logger(child=True)
_kept: list[tuple[float, DetailedHealth]] = []  # until when, and what


@routes.route("GET", "/", {HTTPStatus.OK: Home}, key=None)
def home(_asked: ApiRequest) -> Response:
    """What this is, and where to go on."""
    return json_answer(Home(version=mediajobs.__version__))


@routes.route("GET", "/health", {HTTPStatus.OK: Health}, key=None)
def health(_asked: ApiRequest) -> Response:
    """Whether the service answers at all."""
    return json_answer(Health())


@routes.route("HEAD", "/health", {HTTPStatus.OK: None}, key=None)
def alive(_asked: ApiRequest) -> Response:
    """The same, without a body: for those who look every few seconds."""
    return health(_asked)


@routes.route("GET", "/health/detailed", {HTTPStatus.OK: DetailedHealth}, key=None)
def detailed(_asked: ApiRequest) -> Response:
    """How each part of the service is.

    The answer is 200 whatever was found: the document tells. `overall` is `degraded` where a part does not work, else
    `warning` where one soon may not.
    """
    if not _kept or time.monotonic() > _kept[0][0]:
        document = _look()
        _kept[:] = [(time.monotonic() + KEPT_SECONDS, document)]
    return json_answer(_kept[0][1], headers={"Cache-Control": "no-store"})


def _look() -> DetailedHealth:
    from mediajobs.health.check_service import run_checks
    from mediajobs.health.report import overall  # no other route needs these

    services = run_checks()
    for name, found in services.items():
        if found.reason:  # what it says of the inside is for the log alone
            logger.warning("not healthy", part=name, state=found.state, reason=found.reason)
    told = {name: {"status": found.state, **found.facts} for name, found in services.items()}
    return DetailedHealth.model_validate(
        {"overall": overall(found.state for found in services.values()), "services": told}
    )
