"""The short steps of the pipeline, which the state machine runs between its tasks."""

from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice, CloudWatchEvent, LambdaFunctionEvent
from pynamodb.exceptions import PynamoDBException

from mediajobs import log_format
from mediajobs.errors import Contention
from mediajobs.pipeline import executions_client, steps_service

DEPENDENCY = (BotoCoreError, ClientError, PynamoDBException)
app = Chalice(app_name="pipeline")
logger = Logger(json_serializer=log_format.to_json)


class Transient(Exception):
    """The state machine retries a step that fails with an error of this name."""


@app.lambda_function()
def step(event: dict[str, Any], _context: LambdaFunctionEvent) -> dict[str, Any]:
    """Runs the step of `{step, job_id, attempt, failure?}` and returns what the next state needs.

    Raises Transient, and QuotaExceeded, which the state machine does not retry: the job has the reason.
    """
    logger.info("step", step=event["step"], job_id=event["job_id"], attempt=event["attempt"])
    try:
        return _step(event)
    except (*DEPENDENCY, Contention) as error:
        logger.exception("a step failed and will be retried")
        raise Transient(type(error).__name__) from error


@app.on_cw_event({"source": ["aws.states"]})
def execution_ended(event: CloudWatchEvent) -> None:
    """Fails the job of an execution that ended without success, where the execution could not do so itself."""
    job_id, attempt = executions_client.attempt_of(event.detail["name"])
    ended = executions_client.ending_of(event.detail)
    steps_service.fail(job_id, attempt, error=ended.error, cause=ended.cause)


def _step(event: dict[str, Any]) -> dict[str, Any]:
    job_id, attempt = event["job_id"], event["attempt"]
    if event["step"] == "plan":
        return steps_service.plan(job_id, attempt)
    if event["step"] == "publish":
        steps_service.publish(job_id, attempt)
        return {}
    failure = event["failure"]
    steps_service.fail(job_id, attempt, error=failure["Error"], cause=failure.get("Cause", ""))
    return {}
