"""`/` and `/health`: open to everybody, touching nothing."""

from http import HTTPStatus

from chalice.app import Response

import mediajobs
from chalicelib.routes import Asked, Routes, json_answer
from mediajobs.documents import Health, Home

routes = Routes("service")


@routes.route("GET", "/", {HTTPStatus.OK: Home}, key=None)
def home(_asked: Asked) -> Response:
    """What this is, and where to go on."""
    return json_answer(Home(version=mediajobs.__version__))


@routes.route("GET", "/health", {HTTPStatus.OK: Health}, key=None)
def health(_asked: Asked) -> Response:
    """Whether the service answers at all."""
    return json_answer(Health())
