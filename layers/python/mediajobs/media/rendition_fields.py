"""Models with a field for each rendition of the table."""

from typing import Any

from pydantic import create_model

from mediajobs.base_model import LazyModel, omitted_when_none
from mediajobs.media.renditions import RENDITIONS


def with_renditions(base: type[LazyModel], kind: Any) -> type[LazyModel]:
    """`base` and a field for each rendition, of the type `kind`; one that is not made by default may be left out."""
    fields: dict[str, Any] = {
        rung.name: (kind, ...) if rung.by_default else (kind | None, omitted_when_none())
        for rung in RENDITIONS.values()
    }
    return create_model("WithRenditions", __base__=base, **fields)
