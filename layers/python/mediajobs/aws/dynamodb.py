"""The shared DynamoDB client, the base class of the table models, and conversions of attributes to Python values."""

from collections.abc import Callable, Mapping
from functools import cache
from typing import Any

from pynamodb.connection import Connection, TableConnection
from pynamodb.models import Model

from mediajobs.aws.clients import DYNAMODB
from mediajobs.settings import setting

Item = dict[str, Any]  # the values of an item's attributes by name


class FromEnvironment:
    """A class attribute with the value of an environment variable, as a table's name; read at use, not at import."""

    def __init__(self, variable: str) -> None:
        self.variable = variable

    def __get__(self, instance: object, owner: type) -> str:
        return setting(self.variable)


@cache
def connection() -> Connection:
    """Returns the connection that all models share, because making a client takes longer than using it."""
    return Connection(
        connect_timeout_seconds=DYNAMODB.connect,
        read_timeout_seconds=DYNAMODB.read,
        max_retry_attempts=DYNAMODB.tries - 1,
    )


class TableModel(Model):
    """A model that uses the shared client. PynamoDB's models make a client each."""

    @classmethod
    def _get_connection(cls) -> TableConnection:
        table = super()._get_connection()
        table.connection._client = connection().client
        return table


def client() -> Any:
    """Returns the botocore client below the models, for reads and writes that are frequent."""
    return connection().client


def to_item(values: Mapping[str, Any]) -> dict[str, Any]:
    """Converts values to DynamoDB's attributes by name. Leaves out those that are None."""
    return {name: to_attribute(value) for name, value in values.items() if value is not None}


def from_item(item: Mapping[str, Any] | None) -> Item:
    """Converts an item to values by name. Returns an empty dict for None."""
    return {name: from_attribute(value) for name, value in (item or {}).items()}


def to_attribute(value: Any) -> dict[str, Any]:
    """Converts a string, boolean, number or set of strings, or a list of those. Raises TypeError for other values."""
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
    """Converts an attribute to its value. A number is an int, or a float if it has a fraction.

    Raises KeyError for an unknown type.
    """
    [(kind, value)] = attribute.items()
    return _DECODERS[kind](value)


def _number(text: str) -> float:
    return int(text) if text.lstrip("-").isdigit() else float(text)


# Not boto3's TypeDeserializer, which loads boto3 and returns Decimal.
_DECODERS: dict[str, Callable[[Any], Any]] = {
    "S": str,
    "N": _number,
    "BOOL": bool,
    "NULL": lambda _: None,
    "SS": frozenset,
    "L": lambda entries: [from_attribute(entry) for entry in entries],
    "M": from_item,
}
