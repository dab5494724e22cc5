"""The one DynamoDB client, the base of the table models, and typed values."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from pynamodb.connection import Connection, TableConnection
from pynamodb.models import Model

from mediajobs.aws.clients import DYNAMODB
from mediajobs.settings import setting


class FromEnvironment:
    """A class attribute whose value is an environment variable: a table's name, read at use and not at import."""

    def __init__(self, variable: str) -> None:
        self.variable = variable

    def __get__(self, instance: object, owner: type) -> str:
        return setting(self.variable)


@cache
def connection() -> Connection:
    """One for all: making its client takes longer than using it."""
    return Connection(
        connect_timeout_seconds=DYNAMODB.connect,
        read_timeout_seconds=DYNAMODB.read,
        max_retry_attempts=DYNAMODB.tries - 1,
    )


class TableModel(Model):
    """A model that shares the one client; left alone, every model makes its own."""

    @classmethod
    def _get_connection(cls) -> TableConnection:
        found = super()._get_connection()
        found.connection._client = connection().client
        return found


def dynamodb() -> Any:
    """botocore's own client below the models, for what is read and written often."""
    return connection().client


def to_attribute(value: Any) -> dict[str, str]:
    """A string or a number."""
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def from_attribute(value: Mapping[str, Any]) -> str | float:
    """A string, an int, or a float where the number has a fraction. Raises KeyError for any other type."""
    if "S" in value:
        return str(value["S"])
    number = value["N"]
    return int(number) if number.lstrip("-").isdigit() else float(number)
