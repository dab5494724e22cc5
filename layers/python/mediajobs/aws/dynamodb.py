"""The one DynamoDB client, the base of the table models, and the attributes of items as Python values."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from pynamodb.connection import Connection, TableConnection
from pynamodb.models import Model

from mediajobs.aws.clients import DYNAMODB
from mediajobs.settings import setting

Item = dict[str, Any]  # the attributes of an item by name, without their types


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


def client() -> Any:
    """botocore's own client below the models, for what is read and written often."""
    return connection().client


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes by name; those that are None are left out."""
    return {name: to_attribute(value) for name, value in values.items() if value is not None}


def from_item(item: Mapping[str, Any] | None) -> Item:
    """The values by name; empty where there is no item."""
    return {name: from_attribute(value) for name, value in (item or {}).items()}


def to_attribute(value: Any) -> dict[str, Any]:
    """A string, a boolean, a number, a set of strings, or a list of those. Raises TypeError for any other value."""
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": str(value)}
    if isinstance(value, set | frozenset):
        return {"SS": sorted(value)}
    if isinstance(value, list | tuple):
        return {"L": [to_attribute(entry) for entry in value]}
    raise TypeError(f"no attribute is made of a {type(value).__name__}")


def from_attribute(attribute: Mapping[str, Any]) -> Any:
    """The value: a number is an int, or a float where it has a fraction. Raises KeyError for an unknown type."""
    [(kind, value)] = attribute.items()
    return _DECODERS[kind](value)


def _number(text: str) -> float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


# Not boto3's TypeDeserializer: it loads boto3, and gives Decimal.
_DECODERS: dict[str, Callable[[Any], Any]] = {
    "S": str,
    "N": _number,
    "BOOL": bool,
    "NULL": lambda _: None,
    "SS": frozenset,
    "L": lambda entries: [from_attribute(entry) for entry in entries],
    "M": from_item,
}
