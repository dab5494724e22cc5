"""A bucket for hostile sources."""

from collections.abc import Iterator

import pytest

from mediajobs.storage.bucket_store import MediaBucket
from tests.support import s3_server


@pytest.fixture(scope="session")
def bucket() -> Iterator[MediaBucket]:
    with s3_server.bucket() as bucket:
        yield bucket
