"""Strings of a form: the schema has the pattern, for machines, and whoever sends another is told the cure in words."""

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Pattern:
    """Annotates a `str`, after its lengths. `text` is of the whole string; `cure` ends the sentence that names it."""

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
