"""What the sandbox costs the media task: `python -m tests.load.bench_sandbox [seconds] [rounds]`.

The same task runs confined and unconfined, by turns, so that a machine that is busy with other things slows both alike.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

import landlockpy

from statemachine.tasks import syscall_filter
from tests.load import bench_media

WAYS = ("confined", "unconfined")


def run(way: str, source: Path) -> None:
    """What the container does, in a process of its own."""
    if way == "confined":
        bench_media.task(source)
        return
    with (
        mock.patch.object(landlockpy, "supported", return_value=False),
        mock.patch.object(syscall_filter, "compiled", return_value=None),
    ):
        bench_media.task(source)


def measure(seconds: int, rounds: int) -> dict[str, list[tuple[float, float]]]:
    """CPU and wall seconds of each run, by way."""
    os.environ["BENCH_SECONDS"] = str(seconds)
    spent: dict[str, list[tuple[float, float]]] = {way: [] for way in WAYS}
    with tempfile.TemporaryDirectory() as name, bench_media.storage() as bucket:
        source = bench_media.make_source(Path(name) / "source.mp4", seconds)
        bucket.upload_file(str(source), "media", f"sources/{bench_media.JOB_ID}/source")
        for number in range(rounds):
            for way in WAYS if number % 2 else reversed(WAYS):
                bucket.delete_object(Bucket="media", Key=f"outputs/{bench_media.JOB_ID}/manifests/media.json")
                started = time.monotonic()
                process = subprocess.Popen([sys.executable, "-m", "tests.load.bench_sandbox", "run", way, str(source)])
                _, status, usage = os.wait4(process.pid, 0)
                if status:
                    raise RuntimeError(f"the {way} task failed")
                spent[way].append((usage.ru_utime + usage.ru_stime, time.monotonic() - started))
    return spent


def main() -> None:
    if sys.argv[1:2] == ["run"]:
        run(sys.argv[2], Path(sys.argv[3]))
        return
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 40
    rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 6
    spent = measure(seconds, rounds)
    for index, kind in enumerate(("CPU", "wall")):
        least = {way: min(run[index] for run in runs) for way, runs in spent.items()}
        middle = {way: statistics.median(run[index] for run in runs) for way, runs in spent.items()}
        for name, values in (("least", least), ("median", middle)):
            ratio = values["confined"] / values["unconfined"]
            sys.stdout.write(f"{kind:5}{name:7}{values['confined']:8.2f} s {values['unconfined']:8.2f} s {ratio:.3f}\n")


if __name__ == "__main__":
    main()
