"""Validates and transcodes random recordings: `python -m tests.load.random_recordings [COUNT] [FIRST_SEED]`.

Prints every seed whose outputs are wrong, with its recording and what is wrong. Its exit code is then 1.
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from mediajobs.errors import JobError
from mediajobs.storage.bucket_store import MediaBucket
from tests.support import recording_judge, s3_server
from tests.support.recordings import random_recording


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("count", type=int, nargs="?", default=1000)
    parser.add_argument("first_seed", type=int, nargs="?", default=0)
    arguments = parser.parse_args()
    started, failed = time.monotonic(), []
    with s3_server.bucket() as bucket:
        for seed in range(arguments.first_seed, arguments.first_seed + arguments.count):
            if problems := _problems(seed, bucket):
                failed.append(seed)
                print(f"{random_recording(seed)}\n" + "".join(f"  {problem}\n" for problem in problems), flush=True)  # noqa: T201
    seconds = time.monotonic() - started
    print(f"{arguments.count} recordings in {seconds:.0f} s, {len(failed)} with faults: {failed}")  # noqa: T201
    return 1 if failed else 0


def _problems(seed: int, bucket: MediaBucket) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="recording-") as folder:
        try:
            return recording_judge.process(random_recording(seed), bucket, Path(folder))
        except JobError as error:
            return [f"{error.code}: {error}"]
        except Exception as error:  # noqa: BLE001 - every failure is told with its seed
            return [f"{type(error).__name__}: {error}"]


if __name__ == "__main__":
    sys.exit(main())
