"""Wall time of a whole job on the local stack against its critical path: `python -m tests.load.bench_job [repeats]`.

The critical path is what the tasks themselves took, by the worker's log: validate, then the longer of media and
transcribe. The rest is events, admission, the state machine and bookkeeping. Target: at most 1.25 times plus 3 s.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from infra.local import Stack, down, up
from tests.e2e.conftest import DEMO, Api

REPEATS = 4  # of the demo's 29 s
ROUNDS = 3


def main(repeats: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source = folder / "source.mp4"
        loop = ["ffmpeg", "-v", "error", "-stream_loop", str(repeats - 1), "-i", str(DEMO), "-c", "copy", str(source)]
        subprocess.run(loop, check=True, timeout=60)
        try:
            stack = up(0, folder / "stack")
            for number in range(1, ROUNDS + 1):
                wall, path = measure(stack, source)
                allowed = 1.25 * path + 3
                print(f"round {number}: wall {wall:.1f} s, critical path {path:.1f} s, at most {allowed:.1f} s")  # noqa: T201
        finally:
            down(folder / "stack")


def measure(stack: Stack, source: Path) -> tuple[float, float]:
    """Seconds from the end of the upload to `completed`, and on the critical path."""
    api = Api(stack.api_url, stack.api_key or "")
    job_id = api.submit(source)
    uploaded = time.monotonic()
    document = api.watch(job_id, seconds=600)[-1]
    wall = time.monotonic() - uploaded
    if document["status"] != "completed":
        raise RuntimeError(f"the job did not complete: {document['error']}")
    seconds = task_seconds(Path(stack.home) / "logs" / "worker.log", job_id)
    return wall, seconds["validate"] + max(seconds["media"], seconds["transcribe"])


def task_seconds(log: Path, job_id: str) -> dict[str, float]:
    """What the worker says of each task: from its start to its reported end."""
    events = [json.loads(line) for line in log.read_text().splitlines() if line.startswith('{"time"')]
    names = {e["task"]: e["command"].split()[0] for e in events if e["event"] == "started" and job_id in e["command"]}
    return {names[e["task"]]: e["seconds"] for e in events if e["event"] == "reported" and e["task"] in names}


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else REPEATS)
