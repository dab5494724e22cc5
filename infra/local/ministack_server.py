"""`python -m infra.local.ministack_server`: runs MiniStack with the patches of `ministack_patches`."""

import functools
from typing import Any

import ministack.app
from ministack.core import lambda_runtime
from ministack.services import apigateway, apigateway_v1, dynamodb, lambda_svc

from infra.local.ministack_patches import (
    activity_polls,
    api_gateway,
    event_archives,
    lambda_workers,
    state_snapshots,
    stream_readers,
    websocket_handshakes,
)


def main() -> None:
    event_archives.register_resource_type()
    _patch_apis()
    _patch_functions()
    _patch_streams()
    _cache_dynamodb_expressions()
    app = activity_polls.cancel_abandoned_polls(ministack.app.app)
    app = websocket_handshakes.send_refusal_status(api_gateway.compress_responses(app))
    ministack.app.app = state_snapshots.SnapshotSaver(app)
    ministack.app.main()  # type: ignore[no-untyped-call]


def _patch_apis() -> None:
    rest: Any = apigateway_v1
    rest._import_operation = api_gateway.with_integration_responses(rest._import_operation)
    rest._import_rest_api = api_gateway.with_gateway_responses(rest._import_rest_api)
    rest._call_lambda_raw = api_gateway.raise_function_failures(rest._call_lambda_raw)
    rest._execute_in_scope = api_gateway.answer_function_failures(rest._execute_in_scope)
    websocket: Any = apigateway
    websocket._invoke_ws_lambda = websocket_handshakes.record_refusals(websocket._invoke_ws_lambda)


def _patch_functions() -> None:
    functions: Any = lambda_svc
    functions.acquire_worker = lambda_workers.wait_for_free_worker(functions.acquire_worker)
    worker: Any = lambda_runtime.Worker
    worker._drain_stderr_bounded = lambda_workers.read_log_lines


def _patch_streams() -> None:
    functions: Any = lambda_svc
    tables: Any = dynamodb
    functions._iter_all_esms = stream_readers.only_own_mapping(functions._iter_all_esms)
    tables.esm_wake = stream_readers.WakeEvents(tables.esm_wake)
    functions._poll_dynamodb_streams = stream_readers.StreamReaders(
        functions._poll_dynamodb_streams, functions._iter_all_esms, tables.esm_wake
    )


def _cache_dynamodb_expressions() -> None:
    """MiniStack parses the expression of a query again for every item."""
    for parse in ("_tokenize", "_condition_syntax_error"):
        setattr(dynamodb, parse, functools.cache(getattr(dynamodb, parse)))


if __name__ == "__main__":
    main()
