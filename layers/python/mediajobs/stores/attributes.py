"""DynamoDB's typed values as plain ones. The indexes carry strings and numbers only, so this is all that it takes.

boto3's own serializer loads all of boto3, and a page of 500 jobs has 5,000 values.
"""

from collections.abc import Mapping
from typing import Any


def write(value: Any) -> dict[str, str]:
    """A string or a number."""
    return {"S": value} if isinstance(value, str) else {"N": str(value)}


def read(value: Mapping[str, Any]) -> str | float:
    """A string, an int, or a float where the number has a fraction. Raises KeyError for any other type."""
    if "S" in value:
        return str(value["S"])
    number = value["N"]
    return int(number) if number.lstrip("-").isdigit() else float(number)
