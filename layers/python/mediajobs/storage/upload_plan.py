"""Plans the upload of a source: a single PUT, or the parts of a multipart upload."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated

from pydantic import Field

from mediajobs.api.request_types import WHOLE, Body
from mediajobs.timestamps import parse_rfc3339


class UploadedPart(Body):
    part_number: Annotated[int, Field(strict=True, ge=1, le=10_000), WHOLE]
    etag: Annotated[str, Field(min_length=1, max_length=128, description="As S3 answered the part's PUT.")]


MAX_SINGLE_BYTES = 100 * 10**6
SINGLE_URL_SECONDS = 3600  # validity of its URL
PART_URL_SECONDS = 24 * 3600
_TIME_TO_FINISH = timedelta(hours=1)  # for an upload that starts just before its URL expires
_MIN_PART_BYTES = 32 * 2**20
MAX_PARTS = 1000


@dataclass(frozen=True)
class Part:
    """Numbered from 1; `size` in bytes."""

    number: int
    size: int


def parts_for(size: int | None) -> list[Part]:
    """The parts of a source of `size` bytes; none where a single PUT is enough."""
    if size is None or size <= MAX_SINGLE_BYTES:
        return []
    part_size = max(_MIN_PART_BYTES, -(-size // MAX_PARTS))
    count = -(-size // part_size)
    return [Part(number, min(part_size, size - (number - 1) * part_size)) for number in range(1, count + 1)]


def upload_deadline(created_at: str, *, in_parts: bool) -> datetime:
    """The time after which the upload of a job created at `created_at` can no longer arrive."""
    seconds = PART_URL_SECONDS if in_parts else SINGLE_URL_SECONDS
    return parse_rfc3339(created_at) + timedelta(seconds=seconds) + _TIME_TO_FINISH
