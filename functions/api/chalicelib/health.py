"""`/` and `/health`: open to everybody, touching nothing."""

from typing import Any

from chalice.app import Blueprint

import mediajobs

blueprint = Blueprint(__name__)


@blueprint.route("/", methods=["GET"])
def home() -> dict[str, Any]:
    return {"service": "mediajobs", "version": mediajobs.__version__, "health": "/health", "jobs": "/jobs"}


@blueprint.route("/health", methods=["GET"])
def health() -> dict[str, str]:
    return {"status": "healthy"}
