"""Opens what a child has made in its folder, as if a stranger had made it."""

import os
import stat
from pathlib import Path
from typing import BinaryIO

from mediajobs.errors import JobError

MAX_FILES = 2000  # storyboards of 12 hours are some 10 sheets


def open_made(path: Path) -> BinaryIO:
    """Raises JobError `transcode_failed` for what is no regular file with one name: no link leads out of the folder."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise _no_file(path) from error
    facts = os.fstat(descriptor)
    if not stat.S_ISREG(facts.st_mode) or facts.st_nlink != 1:
        os.close(descriptor)
        raise _no_file(path)
    return os.fdopen(descriptor, "rb")


def check_size(folder: Path, max_bytes: int) -> None:
    """Raises JobError `output_too_large` where the files take more than `max_bytes` of the disk, or are too many."""
    total = 0
    with os.scandir(folder) as entries:
        for number, entry in enumerate(entries):
            total += entry.stat(follow_symlinks=False).st_blocks * 512
            if total > max_bytes or number >= MAX_FILES:
                raise JobError("output_too_large", "the source makes files that are too large; export it anew")


def _no_file(path: Path) -> JobError:
    return JobError("transcode_failed", f"{path.name} was not made as a file; retry the job", retryable=True)
