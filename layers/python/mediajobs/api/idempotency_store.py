"""Answers that are given twice: a repeated request gets what the first one got, for a day.

Powertools' idempotency utility keeps them. Importing it takes a while: it is for requests that ask for it alone.
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

_SECONDS = 24 * 3600
Answer = dict[str, Any]  # JSON


class InFlight(Exception):
    """The first request with this key has no answer yet."""


class OtherRequest(Exception):
    """The key was used for another request."""


def once(key: Sequence[Any], request: Any, make: Callable[[], Answer], context: Any) -> tuple[Answer, bool]:
    """The answer, and whether it is a replay. `key` and `request` are JSON: what the answer is found by, and what
    has to be the same the second time.

    Whatever `make` raises is raised again, and forgets the key. A process that dies while it makes the answer blocks
    the key until Lambda's `context` would have ended it. Raises InFlight, OtherRequest and botocore's errors.
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
        expires_after_seconds=_SECONDS,
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
        answer = made[0]  # it was done, and only could not be noted: saying so beats having it done again
    return answer, bool(replayed)


def about_to_make(key: Sequence[Any], made: str, *, instead_of: str | None = None) -> str | None:
    """Notes what a request is about to make, for a day. Gives what an earlier run of it was about to make, which stays
    noted, but where it is `instead_of` that."""
    now = clock.milliseconds() // 1000
    row, noted = update(
        setting("IDEMPOTENCY_TABLE"),
        {"id": {"S": f"made#{hashlib.sha256(json.dumps(list(key)).encode()).hexdigest()}"}},
        UpdateExpression="SET made = :made, expiration = :end",
        ConditionExpression="attribute_not_exists(id) OR expiration < :now OR made = :instead",
        ExpressionAttributeValues={
            ":made": {"S": made},
            ":instead": {"S": instead_of or made},
            ":now": {"N": str(now)},
            ":end": {"N": str(now + _SECONDS)},
        },
    )
    return None if noted else row["made"]


def _records() -> DynamoDBPersistenceLayer:
    return _records_in(setting("IDEMPOTENCY_TABLE"))


@cache
def _records_in(table: str) -> DynamoDBPersistenceLayer:
    client: Any = connection().client
    return DynamoDBPersistenceLayer(table, boto3_client=client)
