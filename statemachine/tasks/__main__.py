"""Runs one task: `python -m statemachine.tasks validate|media|transcribe --job-id ID --attempt N`.

Exit codes: 0 done; 65 bad input, a retry would not help; 75 try again later; 77 nobody wants this attempt any more.
"""

import argparse
import contextlib
import importlib
import sys
import threading
import time

from aws_lambda_powertools import Logger

from mediajobs.errors import JobError, Stopped
from mediajobs.jobs import job_store, progress_store
from mediajobs.jobs.model import Failure
from mediajobs.media.manifests import TaskManifest
from mediajobs.media.tasks import LAST_TASKS
from mediajobs.storage.object_keys import source_key
from statemachine.tasks import watch
from statemachine.tasks.context import Context, load, retry_contention
from statemachine.tasks.watch import DEPENDENCY, watched

DONE, BAD_INPUT, TRY_AGAIN, STOPPED = 0, 65, 75, watch.STOPPED

logger = Logger(service="mediajobs-tasks")


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="statemachine.tasks")
    parser.add_argument("task", choices=sorted(LAST_TASKS))
    parser.add_argument("--job-id", required=True)
    parser.add_argument("--attempt", required=True, type=int)
    wanted = parser.parse_args(arguments)
    logger.append_keys(task=wanted.task, job_id=wanted.job_id, attempt=wanted.attempt)
    try:
        with watched(wanted.job_id, wanted.attempt) as over:
            return _attempt(wanted.task, wanted.job_id, wanted.attempt, over)
    except Stopped as reason:
        logger.info("stopped", reason=str(reason))
        return STOPPED


def _attempt(task: str, job_id: str, attempt: int, over: threading.Event) -> int:
    """Runs the task, and keeps the reason if it fails."""
    started = time.monotonic()
    try:
        context = load(job_id, attempt, over)
        _validate(context) if task == "validate" else importlib.import_module(f"statemachine.tasks.{task}").run(context)
    except JobError as error:
        failure = Failure(code=error.code, message=error.message, task=error.task or LAST_TASKS[task])
        retryable = error.retryable
    except DEPENDENCY as error:
        logger.exception("a dependency failed")
        message = f"Storage or database could not be reached ({type(error).__name__}). The task is tried again."
        failure = Failure(code="dependency_unavailable", message=message, task=LAST_TASKS[task])
        retryable = True
    else:
        logger.info("done", seconds=round(time.monotonic() - started, 3))
        return DONE
    with contextlib.suppress(*DEPENDENCY):  # where the reason cannot be kept, the exit code still says what to do
        retry_contention(lambda: progress_store.record_failure(job_id, attempt, failure))
    logger.warning("failed", code=failure.code, reason=failure.message)
    return TRY_AGAIN if retryable else BAD_INPUT


def _validate(context: Context) -> None:
    """Validation's result is what the job knows of its source; its manifest says of which object, and its time."""
    from statemachine.tasks import validate

    if context.validated_before():
        context.reporter.finish("store_source", validate.TASK)
        return
    started = time.monotonic()
    facts = validate.run(context)
    retry_contention(lambda: job_store.record_source(context.job_id, context.attempt, facts))
    manifest = TaskManifest(
        task="validate",
        attempt=context.attempt,
        outputs=[],
        seconds={validate.TASK: round(time.monotonic() - started, 3)},
        facts={"etag": context.objects.etag(source_key(context.job_id))},
    )
    context.keep(manifest)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
