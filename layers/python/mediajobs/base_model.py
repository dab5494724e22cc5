"""The base of the pydantic models of documents and requests.

Their validators are built at first use, not at import: a request needs two or three of about sixty models.
"""

import threading
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_building = threading.RLock()


class LazyModel(BaseModel):
    """A model whose validator is built at its first use."""

    model_config = ConfigDict(defer_build=True)

    @classmethod
    def model_rebuild(cls, **options: Any) -> bool | None:
        with _building:  # pydantic has no lock for two threads that use a model for the first time at once
            return super().model_rebuild(**options)


def omitted_when_none() -> Any:
    """Returns a field that is left out of the document where its value is None."""
    return Field(None, exclude_if=lambda value: value is None)
