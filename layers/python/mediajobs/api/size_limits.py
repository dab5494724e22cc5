"""How many entries a list of a request may have, and how many unknown fields are named in an error.

Both are checked before an entry is looked at: what a request costs is bounded, however many entries it has.
"""

from collections.abc import Sized
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema

_UNKNOWN_FIELDS = 20


@dataclass(frozen=True)
class AtMost:
    """Annotates a list: one with more than `count` entries is refused before any of them is validated."""

    count: int

    def check(self, value: Any) -> Any:
        """Raises ValueError."""
        if isinstance(value, Sized) and not isinstance(value, str | bytes) and len(value) > self.count:
            raise ValueError(f"it may have at most {self.count} entries, and has {len(value)}")
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | {"maxItems": self.count}


def check_field_count(value: Any, known: int) -> Any:
    """Raises ValueError where an object has so many fields that it must have many unknown ones. `known`: how many it
    may have."""
    if isinstance(value, dict) and len(value) > known + _UNKNOWN_FIELDS:
        raise ValueError(f"it has {len(value)} fields, and this call knows {known}")
    return value
