"""Runs one task in a process group of its own, which does not outlive the worker."""

import os
import shutil
import subprocess
import sys
import threading
from collections import deque
from contextlib import suppress

from statemachine import process_control
from statemachine.worker.processes import kill_group, kill_marked, kill_orphans

CLAIM_MARK = "MEDIAJOBS_CLAIM"
OUTPUT_LINES = 50
LINE_LIMIT = 500  # characters


_starting = threading.Lock()
_running: set[int] = set()  # ids of the processes of all tasks


class TaskProcess:
    """Start it in the thread that waits for it: Linux kills it when that thread ends, not when the worker ends."""

    def __init__(self, claim_id: str, module: str, command: list[str], environment: dict[str, str]) -> None:
        self._claim_id = claim_id
        self._output_lines: deque[str] = deque(maxlen=OUTPUT_LINES)
        with _starting:
            self._process = subprocess.Popen(
                [*_die_with_parent_command(), sys.executable, "-X", f"{CLAIM_MARK}={claim_id}", "-m", module, *command],
                stdin=subprocess.DEVNULL,
                stdout=sys.stderr.fileno(),  # the worker's own stdout carries its log
                stderr=subprocess.PIPE,
                env={**os.environ, **environment},
                start_new_session=True,
                text=True,
                errors="replace",
            )
            _running.add(self._process.pid)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait(self, seconds: float) -> int | None:
        """The exit code, or None where it still runs after `seconds`."""
        try:
            return self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            return None

    def kill(self) -> None:
        """Kills it, if it runs, and everything that it started. Afterwards its last output is complete."""
        kill_leftovers(self._claim_id)  # first: descendants that left the group are found while their parents live
        kill_group(self._process.pid)
        self._process.wait()
        with _starting:
            _running.discard(self._process.pid)
            if process_control.adopts_orphans():
                kill_orphans(_running)
        self._reader.join(timeout=1)

    def last_output(self) -> str:
        return "\n".join(self._output_lines)

    def _read(self) -> None:
        assert self._process.stderr is not None  # noqa: S101  (a pipe, see above)
        with self._process.stderr as lines:
            for line in lines:
                self._output_lines.append(line.rstrip()[:LINE_LIMIT])
                with suppress(OSError):  # a full disk must not block the task
                    sys.stderr.write(line)


def kill_leftovers(claim_id: str) -> list[int]:
    """Kills the processes of this claim, those of an earlier run and of other sessions too. Returns their ids."""
    return kill_marked(CLAIM_MARK, claim_id)


def _die_with_parent_command() -> list[str]:
    """The command of util-linux that sets PR_SET_PDEATHSIG. Without it the next start kills what is left."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
