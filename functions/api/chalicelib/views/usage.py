"""`/usage`: what a key asked for, and what its account has used."""

from http import HTTPStatus

from chalice.app import Response

from chalicelib.http.responses import json_answer
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.accounts import usage_service
from mediajobs.accounts.schemas import Usage, UsageDays

routes = Routes("usage")


@routes.route("GET", "/usage", {HTTPStatus.OK: Usage}, query=UsageDays)
def read(request: ApiRequest) -> Response:
    """Read this key's requests by day, and the minutes, storage and quotas of its account.

    Requests are counted when they are admitted; those that are refused with 401 or 429 are not counted. Minutes and
    bytes follow within about a second. The minutes of a deleted job stay counted, and its bytes do where its files
    were kept.
    """
    return json_answer(usage_service.read(request.caller, request.query))
