"""Which module of `chalicelib.views` serves which operation (method and path).

A module of views is loaded with the first request for one of its operations, so that a cold start does not load what
only other operations need. The module declares what an operation takes and answers. A test checks that this table and
the modules name the same operations.
"""

from collections.abc import Iterator
from functools import cache
from importlib import import_module

from chalicelib.http.routes import Route, Routes

OPERATIONS = {
    "health": ("GET /", "GET /health", "HEAD /health", "GET /health/detailed"),
    "job_list": ("GET /jobs",),
    "jobs": (
        "POST /jobs",
        "POST /jobs/{job_id}/upload/complete",
        "GET /jobs/{job_id}",
        "GET /jobs/{job_id}/download/{output}",
    ),
    "job_tokens": ("POST /jobs/{job_id}/tokens",),
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
    "hls": (
        "GET /stream/{job_id}/master.m3u8",
        "GET /stream/{job_id}/{rendition}/playlist.m3u8",
        "GET /stream/{job_id}/{rendition}/iframes.m3u8",
        "GET /stream/{job_id}/captions/{captions_playlist}",
        "GET /stream/{job_id}/storyboard.vtt",
    ),
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


def operations() -> Iterator[tuple[str, str, str]]:
    """Yields the module, method and path of every operation. Loads no module."""
    for module, names in OPERATIONS.items():
        for name in names:
            method, _, path = name.partition(" ")
            yield module, method, path


def all_routes() -> list[Route]:
    """Returns every route as its module declares it. Loads all modules."""
    return [route for module in OPERATIONS for route in routes_of(module)]


@cache
def find(module: str, method: str, path: str) -> Route:
    """Returns a route as its module declares it. Loads the module."""
    return next(route for route in routes_of(module) if (route.method, route.path) == (method, path))


def routes_of(module: str) -> list[Route]:
    """Returns the routes that a module of `chalicelib.views` declares. Loads the module."""
    routes: Routes = import_module(f"chalicelib.views.{module}").routes
    return routes.all
