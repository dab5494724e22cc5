"""How a source is to be uploaded: in one piece, or in parts."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from mediajobs.api.request_types import WHOLE, Body
from mediajobs.timestamps import parse


class UploadedPart(Body):
    part_number: Annotated[int, Field(strict=True, ge=1, le=10_000), WHOLE]
    etag: Annotated[str, Field(min_length=1, max_length=128, description="As S3 answered the part's PUT.")]


SINGLE_LIMIT = 100 * 10**6
SECONDS_FOR_SINGLE = 3600  # how long its URL is good
SECONDS_FOR_PARTS = 24 * 3600
_TO_THE_END = timedelta(hours=1)  # of an upload that began at the last moment
_SMALLEST_PART = 32 * 2**20
_MOST_PARTS = 1000


@dataclass(frozen=True)
class Part:
    """Numbered from 1; `size` in bytes."""

    number: int
    size: int


def parts_for(size: int | None) -> list[Part]:
    """The parts of a source of `size` bytes; none where a single upload does."""
    if size is None or size <= SINGLE_LIMIT:
        return []
    part_size = max(_SMALLEST_PART, -(-size // _MOST_PARTS))
    count = -(-size // part_size)
    return [Part(number, min(part_size, size - (number - 1) * part_size)) for number in range(1, count + 1)]


def upload_deadline(created_at: str, *, in_parts: bool) -> datetime:
    """When the upload of a job that was created then has come, or does not come any more."""
    seconds = SECONDS_FOR_PARTS if in_parts else SECONDS_FOR_SINGLE
    return parse(created_at) + timedelta(seconds=seconds) + _TO_THE_END
