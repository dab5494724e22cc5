"""What MiniStack's API gateway is told and does not do: compress answers, answer preflights with their headers, and
speak in the words of the template where it refuses, or where a function fails."""

import gzip
import logging
import re
from collections.abc import Awaitable, Callable, Coroutine, Iterable, MutableMapping
from typing import Any

from ministack.services import apigateway_v1

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Any, Any, Any], Coroutine[Any, Any, Any]]

_API = re.compile(r"/restapis/([^/]+)/[^/]+/_user_request_(/|$)")


def compressing(app: App) -> App:
    """The app, whose APIs gzip what is larger than their MinimumCompressionSize."""

    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        smallest = _smallest(scope)
        if smallest is None or not accepts_gzip(_header(scope["headers"], b"accept-encoding")):
            await app(scope, receive, send)
            return
        answer: list[Message] = []

        async def keep(message: Message) -> None:
            answer.append(message)

        await app(scope, receive, keep)
        for message in _compressed(answer, smallest):
            await send(message)

    return wrapped


def accepts_gzip(accept_encoding: str) -> bool:
    """`br, gzip;q=0.5` does, `gzip;q=0` does not."""
    for coding in accept_encoding.lower().split(","):
        name, *parameters = (part.strip() for part in coding.split(";"))
        if name == "gzip":
            return all(float(value.partition("=")[2] or 1) > 0 for value in parameters if value.startswith("q="))
    return False


def with_responses(import_operation: Callable[..., None]) -> Callable[..., None]:
    """MiniStack's import of an operation from OpenAPI, which forgets what a mock integration answers."""

    def wrapped(api_id: str, resource_id: str, method: str, operation: Any, *more: Any, **named: Any) -> None:
        import_operation(api_id, resource_id, method, operation, *more, **named)
        integration = (operation or {}).get("x-amazon-apigateway-integration", {})
        for response in integration.get("responses", {}).values():
            put: Any = apigateway_v1._put_integration_response
            put(api_id, resource_id, method, str(response["statusCode"]), response)

    return wrapped


def with_refusals(import_api: Callable[..., str]) -> Callable[..., str]:
    """MiniStack's import of an API from OpenAPI, which forgets the gateway's own responses. Returns the API's id."""

    def wrapped(spec: Any, *more: Any, **named: Any) -> str:
        api_id = import_api(spec, *more, **named)
        for kind, response in spec.get("x-amazon-apigateway-gateway-responses", {}).items():
            put: Any = apigateway_v1._put_gateway_response
            put(api_id, kind, {**response, "responseTemplates": _known(response.get("responseTemplates", {}))})
        return api_id

    return wrapped


class FunctionFailed(Exception):
    """It raised, its process died, or there was none to be had."""


def telling_failures(call: Callable[..., Awaitable[tuple[Any, Any]]]) -> Callable[..., Awaitable[tuple[Any, Any]]]:
    """MiniStack's call of a function, whose failure it would hand to the client with all that was printed."""

    async def wrapped(function: Any, *more: Any, **named: Any) -> tuple[Any, Any]:
        result, error = await call(function, *more, **named)
        if result and (result.get("error") or result.get("throttle")):
            logging.error("%s failed: %s", function, result.get("body"))
            raise FunctionFailed
        return result, error

    return wrapped


def with_failures(execute: Callable[..., Awaitable[Any]]) -> Callable[..., Awaitable[Any]]:
    """MiniStack's execution of a request, whose own errors are put in the template's words."""

    async def wrapped(*request: Any, **more: Any) -> Any:
        try:
            return await execute(*request, **more)
        except FunctionFailed:
            gateway: Any = apigateway_v1
            return gateway._gw_error("DEFAULT_5XX", "Internal server error")

    return wrapped


def _known(texts: dict[str, str]) -> dict[str, str]:
    """With what MiniStack knows of the request in place of its path."""
    return {kind: text.replace("$context.path", "$context.resourcePath") for kind, text in texts.items()}


def _smallest(scope: Message) -> int | None:
    """The size in bytes from which this API compresses; None where it does not, and for all that is no API."""
    match = _API.match(scope.get("path", "")) if scope["type"] == "http" else None
    if match is None:
        return None
    apis: Any = apigateway_v1._rest_apis
    for (_account, _region, api_id), api in apis.all_items():
        if api_id == match[1] and api.get("minimumCompressionSize") is not None:
            return int(api["minimumCompressionSize"])
    return None


def _compressed(answer: list[Message], smallest: int) -> list[Message]:
    start = next(message for message in answer if message["type"] == "http.response.start")
    body = b"".join(message.get("body", b"") for message in answer if message["type"] == "http.response.body")
    if len(body) < smallest or _header(start["headers"], b"content-encoding"):
        return answer
    body = gzip.compress(body, mtime=0)
    headers = [(name, value) for name, value in start["headers"] if name.lower() != b"content-length"]
    headers += [(b"content-length", str(len(body)).encode()), (b"content-encoding", b"gzip")]
    return [{**start, "headers": headers}, {"type": "http.response.body", "body": body}]


def _header(headers: Iterable[tuple[bytes, bytes]], wanted: bytes) -> str:
    return ",".join(value.decode("latin-1") for name, value in headers if name.lower() == wanted)
