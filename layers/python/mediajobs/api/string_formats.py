"""Strings with a pattern, which the schema contains. The error of a string that does not match says what to write."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Pattern:
    """Annotates a `str`, after its length limits.

    `text` is the regular expression of the whole string, `cure` the error message: what to write instead.
    """

    text: str
    cure: str

    def check(self, value: str) -> str:
        """Raises ValueError."""
        if re.fullmatch(self.text, value) is None:
            raise ValueError(self.cure)
        return value

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self.check, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        return handler(schema) | {"pattern": self.text}
