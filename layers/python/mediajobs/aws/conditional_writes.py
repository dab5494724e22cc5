"""Conditional writes: why DynamoDB refused a call, and which refusals are retried.

No other module knows DynamoDB's codes of these reasons.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from botocore.exceptions import ClientError
from pynamodb.exceptions import PynamoDBException, TransactGetError, TransactWriteError

from mediajobs.aws import backoff, dynamodb
from mediajobs.aws.dynamodb import Item
from mediajobs.errors import Contention

_REFUSALS = (ClientError, PynamoDBException)  # raised for a refused call by botocore and by PynamoDB
_TRIES = 8
_CONDITION = "ConditionalCheckFailed"
_CONFLICT = "TransactionConflict"
Result = TypeVar("Result")


def update(table: str, key: dict[str, Any], **expression: Any) -> tuple[Item, bool]:
    """Updates an item with botocore's client, which costs less than a PynamoDB model.

    Returns the item and whether it was written. If the condition failed, returns the existing item, or an empty one
    if there is none.
    Raises Contention.
    """
    try:
        response = retry_conflicts(
            lambda: dynamodb.client().update_item(
                TableName=table,
                Key=key,
                ReturnValues="ALL_NEW",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
                **expression,
            )
        )
    except ClientError as error:
        if not condition_failed(error):
            raise
        return dynamodb.from_item(_refused_item(error)), False
    return dynamodb.from_item(response.get("Attributes")), True


def write_if_allowed(write: Callable[[], object]) -> bool:
    """Makes a conditional write or a transaction. Returns False if a condition failed. Raises Contention."""
    try:
        retry_conflicts(write)
    except _REFUSALS as error:
        if not condition_failed(error):
            raise
        return False
    return True


def retry_conflicts(call: Callable[[], Result], *, tries: int = _TRIES) -> Result:
    """Retries a call while the only reason for its refusal is another transaction on the same items.

    The call may be a single write, a transaction of writes or a transaction of reads. Raises Contention after the last
    try.
    """
    for _ in backoff.attempts(tries):
        try:
            return call()
        except _REFUSALS as error:
            if condition_failed(error) or not _conflicts_with_transaction(error):
                raise
    raise Contention


def condition_failed(error: Exception) -> bool:
    """Whether the condition of the write, or of a write in a transaction, failed."""
    return _CONDITION in _reasons(error)


def lost_race(error: Exception) -> bool:
    """Whether another writer changed one of the items before, or was changing it at the same moment."""
    return condition_failed(error) or _conflicts_with_transaction(error)


def failed_conditions(error: TransactWriteError) -> list[bool]:
    """For each item of a transaction, in order: whether its condition failed."""
    return [reason is not None and reason.code == _CONDITION for reason in error.cancellation_reasons]


def _refused_item(error: ClientError) -> dict[str, Any] | None:
    """The item at the moment of the refused write; None if there was none."""
    response: dict[str, Any] = {**error.response}
    return response.get("Item")


def _conflicts_with_transaction(error: Exception) -> bool:
    return _CONFLICT in _reasons(error)


def _reasons(error: Exception) -> set[str]:
    """The codes of a refusal. A refused transaction has one for each of its items."""
    codes: list[str | None] = []
    if isinstance(error, TransactWriteError | TransactGetError):
        codes = [reason.code for reason in error.cancellation_reasons if reason is not None]
    elif isinstance(error, ClientError):
        codes = [reason.get("Code") for reason in error.response.get("CancellationReasons", [])]
        codes.append(error.response["Error"]["Code"])
    elif isinstance(error, PynamoDBException):
        codes = [error.cause_response_code]
    return {code.removesuffix("Exception") for code in codes if code}
