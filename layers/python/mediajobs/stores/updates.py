"""Single conditional updates by botocore's own client: for what every request writes."""

import random
import time
from typing import Any

from botocore.exceptions import ClientError

from mediajobs.errors import Conflict
from mediajobs.stores import clients

_TRIES = 8

Row = dict[str, Any]


def update(table: str, key: Row, **expression: Any) -> tuple[Row, bool]:
    """The item, and whether it was written; if not, it is as it stands, and empty where there is none.

    A single update that meets a transaction on its item is refused for that reason alone, and is tried again.
    Raises Conflict where it keeps meeting them.
    """
    client = clients.dynamodb()
    for tried in range(_TRIES):
        try:
            answer = client.update_item(
                TableName=table,
                Key=key,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **expression,
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ConditionalCheckFailedException":
                return plain(error.response.get("Item")), False
            if code != "TransactionConflictException":
                raise
            time.sleep(random.uniform(0, 0.01 * 2**tried))  # noqa: S311 - no secret
        else:
            return plain(answer.get("Attributes")), True
    raise Conflict("This is written by too many at once. Try again.")


def plain(item: Any) -> Row:
    """An item's attributes without their types; those that are read so are strings, or numbers as strings."""
    return {name: next(iter(value.values())) for name, value in (item or {}).items()}
