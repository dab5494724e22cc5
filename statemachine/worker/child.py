"""One task as a process group of its own, that does not outlive the worker."""

import os
import shutil
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress

from statemachine.worker.processes import kill_group, kill_marked

MARK = "MEDIAJOBS_CLAIM"
LAST_LINES = 50
LINE_LIMIT = 500  # characters


class Child:
    """Start it in the thread that waits for it: Linux kills it when that thread ends, not when the worker does."""

    def __init__(self, claim_id: str, module: str, command: list[str], environment: dict[str, str]) -> None:
        self._claim_id = claim_id
        self._last_lines: deque[str] = deque(maxlen=LAST_LINES)
        self._process = subprocess.Popen(
            [*_die_with_parent(), sys.executable, "-m", module, *command],
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr.fileno(),  # the worker's own stdout carries its log, line by line
            stderr=subprocess.PIPE,
            env={**os.environ, **environment, MARK: claim_id},
            start_new_session=True,
            text=True,
            errors="replace",
        )
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self, seconds: float) -> int | None:
        """The exit code, or None when it still runs."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """Harmless when it has ended. Afterwards nothing that it started is left, and its last words are complete."""
        sweep(self._claim_id)  # first: it finds what left the group, as long as its parents live
        kill_group(self._process.pid)
        self._process.wait()
        self._reader.join(timeout=1)

    def last_words(self) -> str:
        return "\n".join(self._last_lines)

    def _read(self) -> None:
        assert self._process.stderr is not None  # noqa: S101  (a pipe, see above)
        with self._process.stderr as lines:
            for line in lines:
                self._last_lines.append(line.rstrip()[:LINE_LIMIT])
                with suppress(OSError):  # a full disk must not block the task
                    sys.stderr.write(line)


def sweep(claim_id: str) -> list[int]:
    """Kill what an earlier run of this claim left behind: a session that was led away, a worker that was killed."""
    return kill_marked(MARK, claim_id)


def _die_with_parent() -> list[str]:
    """util-linux sets PR_SET_PDEATHSIG for us; elsewhere the sweep at the next start does the work."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
