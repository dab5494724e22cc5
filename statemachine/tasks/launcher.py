"""Starts a task with credentials for its job alone: `python -m statemachine.tasks.launcher` with a task's arguments.

The credentials of this process stay here. It serves those of the job on the loopback address, by the protocol of a
container's credential endpoint, which botocore asks again before they end.
"""

import argparse
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

from statemachine import process_control
from statemachine.tasks import loopback_server
from statemachine.tasks.loopback_server import Answer

if TYPE_CHECKING:
    from statemachine.tasks.job_credentials import JobCredentials

BAD_INPUT = 65  # exit code, as of a task
REQUIRED = ("TASK_ROLE", "MEDIA_BUCKET", "JOBS_TABLE")
# Of the variables AWS_…, those that name no credentials.
_KEPT = {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_CA_BUNDLE", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"}
_KEPT_PREFIX = "AWS_ENDPOINT_URL"


def main(arguments: list[str]) -> int:
    """Returns the exit code of the task. That of a task that a signal ended is 128 and its number, as in a shell."""
    parser = argparse.ArgumentParser(prog="statemachine.tasks.launcher")
    parser.add_argument("task")
    parser.add_argument("--job-id", required=True)
    options, _ = parser.parse_known_args(arguments)
    if missing := [name for name in REQUIRED if name not in os.environ]:
        sys.stderr.write(f"launcher: set {' and '.join(missing)}, as the state machine does\n")
        return BAD_INPUT
    endpoint = _CredentialEndpoint(options.task, options.job_id)
    with loopback_server.serve(endpoint.answer) as url:
        task = subprocess.Popen(_task_command(arguments), env=task_environment(os.environ, url))
        endpoint.answer()  # prepares the answer while the task loads its modules
        code = task.wait()
    return code if code >= 0 else 128 - code


def task_environment(environment: Mapping[str, str], credentials_url: str) -> dict[str, str]:
    """The variables of this process without its credentials, and with the address of those of the job."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("AWS_") or name in _KEPT or name.startswith(_KEPT_PREFIX)
    }
    return kept | {
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": credentials_url,
        # botocore would prefer credentials in these files, and ask the host's metadata service last.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


class _CredentialEndpoint:
    """Answers with the credentials of the job. What that takes is loaded at the first request."""

    def __init__(self, stage: str, job_id: str) -> None:
        self._stage, self._job_id = stage, job_id
        self._credentials: JobCredentials | None = None
        self._lock = threading.Lock()

    def answer(self) -> Answer:
        """503 where there are none; then the task fails, and may be tried again."""
        try:
            with self._lock:
                return Answer(200, {"Content-Type": "application/json"}, self._document())
        except Exception as error:  # noqa: BLE001 - botocore's errors, and those of a job id that is none
            sys.stderr.write(f"launcher: no credentials for the job {self._job_id!r}: {error}\n")
            return Answer(503, {})

    def _document(self) -> bytes:
        from statemachine.tasks.job_credentials import JobCredentials

        if self._credentials is None:
            self._credentials = JobCredentials(self._stage, self._job_id)
        return self._credentials.document()


def _task_command(arguments: list[str]) -> list[str]:
    """The task gets the marks by which a worker finds its processes, and does not outlive this process."""
    setpriv = shutil.which("setpriv")  # of util-linux; it sets PR_SET_PDEATHSIG
    die_with_parent = [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []
    marks = [f"-X{name}={value}" for name, value in sys._xoptions.items() if value is not True]
    return [*die_with_parent, sys.executable, *marks, "-m", "statemachine.tasks", *arguments]


if __name__ == "__main__":
    process_control.forbid_inspection()
    sys.exit(main(sys.argv[1:]))
