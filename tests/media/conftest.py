"""S3 over real HTTP, with ranges and presigned URLs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from mediajobs.storage.bucket_store import MediaBucket
from tests.support import media_samples, s3_server, task_context


@pytest.fixture(scope="session")
def bucket() -> Iterator[MediaBucket]:
    with s3_server.bucket() as bucket:
        yield bucket


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two seconds, smaller than any rendition; its index comes first."""
    path = tmp_path_factory.mktemp("small") / "small.mp4"
    return media_samples.clip(path, "320x180", 2, options=["-movflags", "faststart"])


@pytest.fixture(scope="session")
def whole(bucket: MediaBucket, tmp_path_factory: pytest.TempPathFactory) -> task_context.MediaRun:
    """All outputs of a source of 9 s that is large enough for every rendition."""
    path = tmp_path_factory.mktemp("whole") / "clip.mp4"
    return task_context.run_media(bucket, media_samples.clip(path, "1280x720", 9, "15000/1001"))
