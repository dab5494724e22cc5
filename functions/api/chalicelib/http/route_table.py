"""Which noun answers which call.

A noun is loaded with the first request for it: so no request waits for what others need. What a call takes and gives
stands in its noun; a test holds the two equal.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module

from chalicelib.http.routes import Route, Routes

CALLS = {
    "health": ("GET /", "GET /health", "HEAD /health", "GET /health/detailed"),
    "job_list": ("GET /jobs",),
    "jobs": (
        "POST /jobs",
        "POST /jobs/{job_id}/upload/complete",
        "GET /jobs/{job_id}",
        "GET /jobs/{job_id}/download/{output}",
    ),
    "batches": ("GET /batches/{batch_id}",),
    "statistics": ("GET /jobs/stats",),
    "job_commands": (
        "POST /jobs/{job_id}/cancel",
        "POST /jobs/{job_id}/retry",
        "POST /jobs/retry",
        "PATCH /jobs/{job_id}/priority",
        "DELETE /jobs/{job_id}",
        "POST /jobs/batch-status",
    ),
    "exports": ("GET /jobs/export", "GET /exports/{export_id}"),
    "hls": ("GET /stream/{job_id}/master.m3u8", "GET /stream/{job_id}/{rendition}/playlist.m3u8"),
    "webhooks": (
        "POST /webhooks",
        "GET /webhooks",
        "GET /webhooks/{webhook_id}",
        "PATCH /webhooks/{webhook_id}",
        "DELETE /webhooks/{webhook_id}",
        "POST /webhooks/{webhook_id}/rotate-secret",
    ),
    "webhook_deliveries": (
        "POST /webhooks/{webhook_id}/test",
        "GET /webhooks/{webhook_id}/deliveries",
        "GET /webhooks/{webhook_id}/deliveries/{delivery_id}",
        "POST /webhooks/{webhook_id}/deliveries/{delivery_id}/redeliver",
        "POST /webhooks/{webhook_id}/recover",
    ),
    "server_sent_events": ("GET /events/{job_id}/progress",),
    "usage": ("GET /usage",),
    "api_description": ("GET /openapi.json", "GET /docs"),
}


def calls() -> Iterator[tuple[str, str, str]]:
    """Noun, method and path of every call."""
    for noun, its in CALLS.items():
        for call in its:
            method, _, path = call.partition(" ")
            yield noun, method, path


def all_routes() -> list[Route]:
    """Every route as its noun declares it; loads all nouns."""
    return [route for noun in CALLS for route in routes_of(noun)]


@cache
def find(noun: str, method: str, path: str) -> Route:
    """The route as its noun declares it; loads the noun."""
    return next(route for route in routes_of(noun) if (route.method, route.path) == (method, path))


def routes_of(noun: str) -> list[Route]:
    """The routes of this module, as it declares them."""
    routes: Routes = import_module(f"chalicelib.views.{noun}").routes
    return routes.all
