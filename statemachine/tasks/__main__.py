"""Runs one task: `python -m statemachine.tasks validate|media|transcribe --job-id ID --attempt N`.

Exit codes: 0 done; 65 bad input, a retry does not help; 75 temporary failure, try again; 77 the attempt is over.
"""

import argparse
import contextlib
import importlib
import sys
import threading
import time

from aws_lambda_powertools import Logger

from mediajobs import log_format
from mediajobs.errors import JobError, Stopped
from mediajobs.jobs import job_store, progress_store
from mediajobs.jobs.model import Failure
from mediajobs.media.manifests import TaskManifest
from mediajobs.media.tasks import LAST_TASKS
from mediajobs.storage.object_keys import source_key
from statemachine import process_control
from statemachine.tasks import sandbox
from statemachine.tasks.cancellation_watch import DEPENDENCY_ERRORS, EXIT_STOPPED, watch_attempt
from statemachine.tasks.context import TaskContext, load
from statemachine.tasks.progress_reporter import retry_contention

DONE, BAD_INPUT, TRY_AGAIN, STOPPED = 0, 65, 75, EXIT_STOPPED

logger = Logger(service="mediajobs-tasks", json_serializer=log_format.to_json)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="statemachine.tasks")
    parser.add_argument("task", choices=sorted(LAST_TASKS))
    parser.add_argument("--job-id", required=True)
    parser.add_argument("--attempt", required=True, type=int)
    options = parser.parse_args(arguments)
    logger.append_keys(task=options.task, job_id=options.job_id, attempt=options.attempt)
    try:
        with watch_attempt(options.job_id, options.attempt) as attempt_over:
            return _attempt(options.task, options.job_id, options.attempt, attempt_over)
    except Stopped as reason:
        logger.info("stopped", reason=str(reason))
        return STOPPED


def _attempt(task: str, job_id: str, attempt: int, attempt_over: threading.Event) -> int:
    """Runs the task. Returns its exit code, and records the reason of a failure in the job's progress item."""
    started = time.monotonic()
    try:
        if lacks := sandbox.check():
            logger.warning("children run without a part of the sandbox", missing=lacks)
        context = load(job_id, attempt, attempt_over)
        _validate(context) if task == "validate" else importlib.import_module(f"statemachine.tasks.{task}").run(context)
    except JobError as error:
        failure = Failure(code=error.code, message=error.message, task=error.task or LAST_TASKS[task])
        retryable = error.retryable
    except DEPENDENCY_ERRORS as error:
        logger.exception("a dependency failed")
        message = f"Storage or database could not be reached ({type(error).__name__}). The task is tried again."
        failure = Failure(code="dependency_unavailable", message=message, task=LAST_TASKS[task])
        retryable = True
    else:
        logger.info("done", seconds=round(time.monotonic() - started, 3))
        return DONE
    with contextlib.suppress(*DEPENDENCY_ERRORS):  # without the reason the exit code still says what to do
        retry_contention(lambda: progress_store.record_failure(job_id, attempt, failure))
    logger.warning("failed", code=failure.code, reason=failure.message)
    return TRY_AGAIN if retryable else BAD_INPUT


def _validate(context: TaskContext) -> None:
    """Records the facts of the source in the job. The manifest holds the ETag of the object and the time taken."""
    from statemachine.tasks import validate

    if context.is_validated():
        context.reporter.finish("store_source", validate.TASK)
        return
    started = time.monotonic()
    validation = validate.run(context)
    source, warnings = validation.source, validation.warnings
    retry_contention(lambda: job_store.record_source(context.job_id, context.attempt, source, warnings))
    manifest = TaskManifest(
        task="validate",
        attempt=context.attempt,
        outputs=[],
        seconds={validate.TASK: round(time.monotonic() - started, 3)},
        facts={"etag": context.bucket.etag(source_key(context.job_id))},
        warnings=warnings,
    )
    context.save_manifest(manifest)


if __name__ == "__main__":
    process_control.forbid_inspection()
    process_control.adopt_orphans()
    sys.exit(main(sys.argv[1:]))
