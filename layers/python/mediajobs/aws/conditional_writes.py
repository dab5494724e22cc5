"""Single conditional updates, of items that transactions write too."""

import random
import time
from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from pynamodb.exceptions import PynamoDBException

from mediajobs.aws import dynamodb
from mediajobs.errors import Conflict

_TRIES = 8
Item = dict[str, Any]
Answer = TypeVar("Answer")


def update(table: str, key: Item, **expression: Any) -> tuple[Item, bool]:
    """The item, and whether it was written; if not, it is as it stands, and empty where there is none.

    By botocore's own client: for what every request writes. Raises Conflict where it keeps meeting transactions.
    """
    try:
        answer = beside_transactions(
            lambda: dynamodb.dynamodb().update_item(
                TableName=table,
                Key=key,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **expression,
            )
        )
    except ClientError as error:
        if _code(error) != "ConditionalCheckFailedException":
            raise
        return plain(error.response.get("Item")), False
    return plain(answer.get("Attributes")), True


def beside_transactions(write: Callable[[], Answer]) -> Answer:
    """A single write that meets a transaction on its item is refused for that reason alone, and is tried again.

    Raises Conflict where it keeps meeting them.
    """
    for tried in range(_TRIES):
        try:
            return write()
        except (ClientError, PynamoDBException) as error:
            if _code(error) != "TransactionConflictException":
                raise
            time.sleep(random.uniform(0, 0.01 * 2**tried))  # noqa: S311 - no secret
    raise Conflict("This is written by too many at once. Try again.")


def plain(item: Any) -> Item:
    """An item's attributes without their types; those that are read so are strings, or numbers as strings."""
    return {name: next(iter(value.values())) for name, value in (item or {}).items()}


def _code(error: ClientError | PynamoDBException) -> str | None:
    return error.cause_response_code if isinstance(error, PynamoDBException) else error.response["Error"]["Code"]
