"""Starts the worker of a stack, or keeps a running one that is up to date."""

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager

from infra.local import processes
from infra.local.stack_folder import StackFolder
from infra.paths import ROOT

START_TIMEOUT_SECONDS = 20.0


@contextmanager
def worker_started(
    folder: StackFolder, outputs: dict[str, str], environment: dict[str, str], activity: str, module: str
) -> Iterator[None]:
    """Starts the worker, and at the end waits until it polls; the body can do other work in the meantime.

    A running worker with the same arguments and code is kept, with its tasks. It loads the newest code for each task.
    """
    arguments = ["--activity", activity, "--claims", str(folder.claims), "--module", module]
    version = _version(outputs, arguments)
    if processes.running_version(folder, "worker") == version:
        yield
        return
    processes.stop(folder, "worker")
    environment = {**environment, "TMPDIR": str(folder.temporary)}
    processes.start(folder, "worker", ["statemachine.worker", *arguments], environment, version)
    yield
    log = processes.log_file(folder, "worker")
    processes.wait_until(folder, "worker", lambda: '"event": "polling"' in log.read_text(), START_TIMEOUT_SECONDS)


def _version(*parameters: object) -> str:
    """A hash of the worker's parameters and code."""
    words = json.dumps(parameters, sort_keys=True).encode()
    code = b"".join(path.read_bytes() for path in sorted((ROOT / "statemachine" / "worker").glob("*.py")))
    return hashlib.sha256(words + code).hexdigest()
