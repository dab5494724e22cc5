"""Answers under idempotency keys: for 24 hours, a repeated request gets the answer of the first one.

Powertools' idempotency utility stores them. Its import takes long, so this module is imported only for requests with a
key.
"""

import hashlib
import json
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

from aws_lambda_powertools.utilities.idempotency import DynamoDBPersistenceLayer, IdempotencyConfig, idempotent_function
from aws_lambda_powertools.utilities.idempotency.exceptions import (
    IdempotencyAlreadyInProgressError,
    IdempotencyInconsistentStateError,
    IdempotencyPersistenceLayerError,
    IdempotencyValidationError,
)

from mediajobs import clock
from mediajobs.aws.conditional_writes import update
from mediajobs.aws.dynamodb import connection
from mediajobs.settings import setting

_RETENTION_SECONDS = 24 * 3600
Answer = dict[str, Any]  # JSON


class InFlight(Exception):
    """The first request with this key has no answer yet."""


class OtherRequest(Exception):
    """The key was used for another request."""


def once(key: Sequence[Any], request: Any, make: Callable[[], Answer], context: Any) -> tuple[Answer, bool]:
    """Returns the answer, and whether it is a replay.

    `key` and `request` are JSON data: the key that the answer is stored under, and the request that has to be the same
    when the key is used again. An exception of `make` is raised again and releases the key. A process that dies while
    it makes the answer blocks the key until the time-out of its Lambda `context`.
    Raises InFlight, OtherRequest and botocore's errors.
    """
    made: list[Answer] = []
    replayed: list[Answer] = []

    def run(*, data: Any) -> Answer:  # noqa: ARG001 - Powertools reads it
        made.append(make())
        return made[0]

    def replay(response: Any, idempotent_data: Any) -> Any:  # noqa: ARG001 - Powertools names it
        replayed.append(response)
        return response

    config = IdempotencyConfig(
        event_key_jmespath="key",
        payload_validation_jmespath="request",
        hash_function="sha256",
        expires_after_seconds=_RETENTION_SECONDS,
        lambda_context=context,
        response_hook=replay,
    )
    guarded: Any = idempotent_function(
        run, data_keyword_argument="data", persistence_store=_records(), config=config, key_prefix="answer"
    )
    try:
        answer: Answer = guarded(data={"key": list(key), "request": request})
    except (IdempotencyAlreadyInProgressError, IdempotencyInconsistentStateError) as error:
        raise InFlight from error
    except IdempotencyValidationError as error:
        raise OtherRequest from error
    except IdempotencyPersistenceLayerError as error:
        if not made:
            raise error.__cause__ or error from None
        answer = made[0]  # executed but not stored: after an error the client would have it executed again
    return answer, bool(replayed)


def note_creation(key: Sequence[Any], new_id: str, *, instead_of: str | None = None) -> str | None:
    """Notes for 24 hours the id of what a request is about to create.

    Returns the id that an earlier run of the request noted, which then stays noted; None where there was none or where
    it was `instead_of`, which is replaced.
    """
    now = clock.milliseconds() // 1000
    row, noted = update(
        setting("IDEMPOTENCY_TABLE"),
        {"id": {"S": f"made#{hashlib.sha256(json.dumps(list(key)).encode()).hexdigest()}"}},
        UpdateExpression="SET made = :made, expiration = :end",
        ConditionExpression="attribute_not_exists(id) OR expiration < :now OR made = :instead",
        ExpressionAttributeValues={
            ":made": {"S": new_id},
            ":instead": {"S": instead_of or new_id},
            ":now": {"N": str(now)},
            ":end": {"N": str(now + _RETENTION_SECONDS)},
        },
    )
    return None if noted else row["made"]


def _records() -> DynamoDBPersistenceLayer:
    return _records_in(setting("IDEMPOTENCY_TABLE"))


@cache
def _records_in(table: str) -> DynamoDBPersistenceLayer:
    client: Any = connection().client
    return DynamoDBPersistenceLayer(table, boto3_client=client)
