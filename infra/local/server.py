"""MiniStack with its repairs, most of them rooms beside this one; and a poll whose client is gone takes no task.

MiniStack goes on with GetActivityTask for 60 s after its client has left, and then gives the next task to nobody.
"""

import asyncio
import functools
from collections.abc import Awaitable
from typing import Any

import ministack.app
from ministack.core import lambda_runtime
from ministack.services import apigateway, apigateway_v1, dynamodb, lambda_svc

from infra.local import archives, gateway, snapshots, sockets, streams, workers
from infra.local.gateway import App, Message, Receive, Send


def without_ghosts(app: App) -> App:
    async def wrapped(scope: Message, receive: Receive, send: Send) -> None:
        if not _is_poll(scope):
            await app(scope, receive, send)
            return
        request = [await receive()]
        while request[-1].get("more_body"):
            request.append(await receive())
        await _answer_or_leave(app(scope, _replayed(request), send), receive())

    return wrapped


def _is_poll(scope: Message) -> bool:
    return scope["type"] == "http" and any(
        name == b"x-amz-target" and value.endswith(b".GetActivityTask") for name, value in scope["headers"]
    )


def _replayed(request: list[Message]) -> Receive:
    async def receive() -> Message:
        if request:
            return request.pop(0)
        return await asyncio.Future()  # the wrapper listens for the disconnect

    return receive


async def _answer_or_leave(answering: Awaitable[Any], leaving: Awaitable[Message]) -> None:
    tasks = [asyncio.ensure_future(answering), asyncio.ensure_future(leaving)]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


if __name__ == "__main__":
    archives.teach()
    apigateway_v1._import_operation = gateway.with_responses(apigateway_v1._import_operation)
    apigateway_v1._import_rest_api = gateway.with_refusals(apigateway_v1._import_rest_api)
    requests: Any = apigateway_v1
    requests._call_lambda_raw = gateway.telling_failures(requests._call_lambda_raw)
    requests._execute_in_scope = gateway.with_failures(requests._execute_in_scope)
    functions: Any = lambda_svc
    functions.acquire_worker = workers.queueing(functions.acquire_worker)
    functions._iter_all_esms = streams.own(functions._iter_all_esms)
    tables: Any = dynamodb
    tables.esm_wake = streams.Wakes(tables.esm_wake)
    for parse in ("_tokenize", "_condition_syntax_error"):  # MiniStack parses a query's expression for every item anew
        setattr(tables, parse, functools.cache(getattr(tables, parse)))
    functions._poll_dynamodb_streams = streams.Readers(
        functions._poll_dynamodb_streams, functions._iter_all_esms, tables.esm_wake
    )
    processes: Any = lambda_runtime.Worker
    processes._drain_stderr_bounded = workers.prompt
    routes: Any = apigateway
    routes._invoke_ws_lambda = sockets.noting_refusals(routes._invoke_ws_lambda)
    ministack.app.app = snapshots.Saving(sockets.refusing(gateway.compressing(without_ghosts(ministack.app.app))))
    ministack.app.main()  # type: ignore[no-untyped-call]
