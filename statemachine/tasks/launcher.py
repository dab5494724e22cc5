"""Starts a task with credentials for its job alone: `python -m statemachine.tasks.launcher` with a task's arguments.

The credentials of this process stay here. It serves those of the job on the loopback address, by the protocol of a
container's credential endpoint, which botocore asks again before they end.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError

from statemachine.tasks import loopback_server
from statemachine.tasks.job_credentials import JobCredentials
from statemachine.tasks.loopback_server import Answer

BAD_INPUT = 65  # exit code, as of a task
# Of the variables AWS_…, those that name no credentials.
_KEPT = {"AWS_REGION", "AWS_CA_BUNDLE", "AWS_USE_FIPS_ENDPOINT", "AWS_USE_DUALSTACK_ENDPOINT"}
_KEPT_PREFIX = "AWS_ENDPOINT_URL"

logger = Logger(service="mediajobs-tasks")


def main(arguments: list[str]) -> int:
    """Returns the exit code of the task. A task that a signal ended is 128 and its number, as in a shell."""
    parser = argparse.ArgumentParser(prog="statemachine.tasks.launcher")
    parser.add_argument("task")
    parser.add_argument("--job-id", required=True)
    options, _ = parser.parse_known_args(arguments)
    try:
        credentials = JobCredentials(options.task, options.job_id)
    except (KeyError, ValueError) as error:
        logger.error("the task was not started", reason=repr(error), cure="set TASK_ROLE, MEDIA_BUCKET and JOBS_TABLE")
        return BAD_INPUT
    with loopback_server.serve(lambda: _answer(credentials)) as url:
        code = subprocess.run(
            [*_die_with_parent_command(), sys.executable, "-m", "statemachine.tasks", *arguments],
            env=task_environment(os.environ, url, credentials.region),
            check=False,
        ).returncode
    return code if code >= 0 else 128 - code


def task_environment(environment: Mapping[str, str], credentials_url: str, region: str) -> dict[str, str]:
    """The variables of this process without its credentials, and with the address of those of the job."""
    kept = {
        name: value
        for name, value in environment.items()
        if not name.startswith("AWS_") or name in _KEPT or name.startswith(_KEPT_PREFIX)
    }
    return kept | {
        "AWS_DEFAULT_REGION": region,
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": credentials_url,
        # botocore would prefer credentials in these files, and ask the host's metadata service last.
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def _answer(credentials: JobCredentials) -> Answer:
    try:
        return Answer(200, {"Content-Type": "application/json"}, credentials.document())
    except (BotoCoreError, ClientError) as error:
        logger.warning("no credentials for the job", reason=str(error))
        return Answer(503, {})


def _die_with_parent_command() -> list[str]:
    """The command of util-linux that sets PR_SET_PDEATHSIG: a task does not outlive this process."""
    setpriv = shutil.which("setpriv")
    return [setpriv, "--pdeathsig", "KILL", "--"] if setpriv else []


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
