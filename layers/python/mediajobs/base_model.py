"""Models that are built when they are first used: of some sixty, a request needs two or three."""

import threading
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

_building = threading.RLock()


class LazyModel(BaseModel):
    model_config = ConfigDict(defer_build=True)

    @classmethod
    def model_rebuild(cls, **how: Any) -> bool | None:
        with _building:  # two threads may use a model for the first time at once, and pydantic does not part them
            return super().model_rebuild(**how)


def omitted_when_none() -> Any:
    """A field that is not there, rather than null."""
    return Field(None, exclude_if=lambda value: value is None)
