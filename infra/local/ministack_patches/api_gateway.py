"""Adds what MiniStack's API Gateway lacks: compression, integration responses and gateway responses of the template.

Integration responses give preflights their headers. Gateway responses are the template's own texts for refused requests
and for failed functions.
"""

import gzip
import logging
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import Any

from ministack.services import apigateway_v1

from infra.local.ministack_patches.asgi import App, Message, Receive, Send

_API_PATH = re.compile(r"/restapis/([^/]+)/[^/]+/_user_request_(/|$)")


def compress_responses(app: App) -> App:
    """Wraps the app: responses of an API that reach its MinimumCompressionSize are compressed with gzip."""

    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        min_bytes = _minimum_compression_size(scope)
        if min_bytes is None or not accepts_gzip(_header(scope["headers"], b"accept-encoding")):
            await app(scope, receive, send)
            return
        response: list[Message] = []

        async def collect(message: Message) -> None:
            response.append(message)

        await app(scope, receive, collect)
        for message in _compressed(response, min_bytes):
            await send(message)

    return wrapped


def accepts_gzip(accept_encoding: str) -> bool:
    """True for `br, gzip;q=0.5`, false for `gzip;q=0`."""
    for coding in accept_encoding.lower().split(","):
        name, *parameters = (part.strip() for part in coding.split(";"))
        if name == "gzip":
            return all(float(value.partition("=")[2] or 1) > 0 for value in parameters if value.startswith("q="))
    return False


def with_integration_responses(import_operation: Callable[..., None]) -> Callable[..., None]:
    """Wraps MiniStack's import of an OpenAPI operation, which ignores the responses of mock integrations."""

    def wrapped(api_id: str, resource_id: str, method: str, operation: Any, *args: Any, **options: Any) -> None:
        import_operation(api_id, resource_id, method, operation, *args, **options)
        integration = (operation or {}).get("x-amazon-apigateway-integration", {})
        for response in integration.get("responses", {}).values():
            put: Any = apigateway_v1._put_integration_response
            put(api_id, resource_id, method, str(response["statusCode"]), response)

    return wrapped


def with_gateway_responses(import_api: Callable[..., str]) -> Callable[..., str]:
    """Wraps MiniStack's import of an OpenAPI document, which ignores gateway responses. Returns the API's id."""

    def wrapped(spec: Any, *args: Any, **options: Any) -> str:
        api_id = import_api(spec, *args, **options)
        for response_type, response in spec.get("x-amazon-apigateway-gateway-responses", {}).items():
            templates = _with_known_variables(response.get("responseTemplates", {}))
            put: Any = apigateway_v1._put_gateway_response
            put(api_id, response_type, {**response, "responseTemplates": templates})
        return api_id

    return wrapped


class FunctionFailed(Exception):
    """The function raised, its process died, or no process was available."""


def raise_function_failures(
    call: Callable[..., Awaitable[tuple[Any, Any]]],
) -> Callable[..., Awaitable[tuple[Any, Any]]]:
    """Wraps MiniStack's call of a function: a failure raises FunctionFailed.

    MiniStack itself would send the failure to the client, with everything that the function printed.
    """

    async def wrapped(function: Any, *args: Any, **options: Any) -> tuple[Any, Any]:
        result, error = await call(function, *args, **options)
        if result and (result.get("error") or result.get("throttle")):
            logging.error("%s failed: %s", function, result.get("body"))
            raise FunctionFailed
        return result, error

    return wrapped


def answer_function_failures(execute: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """Wraps MiniStack's execution of a request: FunctionFailed is answered with the template's gateway response."""

    async def wrapped(*request: Any, **options: Any) -> Any:
        try:
            return await execute(*request, **options)
        except FunctionFailed:
            gateway: Any = apigateway_v1
            return gateway._gw_error("DEFAULT_5XX", "Internal server error")

    return wrapped


def _with_known_variables(templates: dict[str, str]) -> dict[str, str]:
    """MiniStack does not know $context.path; $context.resourcePath is the nearest that it knows."""
    return {kind: text.replace("$context.path", "$context.resourcePath") for kind, text in templates.items()}


def _minimum_compression_size(scope: Message) -> int | None:
    """The size in bytes from which this API compresses; None if it does not, or if the request is not for an API."""
    match = _API_PATH.match(scope.get("path", "")) if scope["type"] == "http" else None
    if match is None:
        return None
    apis: Any = apigateway_v1._rest_apis
    for (_account, _region, api_id), api in apis.all_items():
        if api_id == match[1] and api.get("minimumCompressionSize") is not None:
            return int(api["minimumCompressionSize"])
    return None


def _compressed(response: list[Message], min_bytes: int) -> list[Message]:
    start = next(message for message in response if message["type"] == "http.response.start")
    body = b"".join(message.get("body", b"") for message in response if message["type"] == "http.response.body")
    if len(body) < min_bytes or _header(start["headers"], b"content-encoding"):
        return response
    body = gzip.compress(body, mtime=0)
    headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    headers += [(b"content-length", str(len(body)).encode()), (b"content-encoding", b"gzip")]
    return [{**start, "headers": headers}, {"type": "http.response.body", "body": body}]


def _header(headers: Iterable[tuple[bytes, bytes]], name: bytes) -> str:
    return ",".join(value.decode("latin-1") for header, value in headers if header.lower() == name)
