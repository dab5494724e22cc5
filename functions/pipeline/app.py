"""The light steps of the pipeline: what the state machine asks of the books between its tasks."""

from typing import Any

from aws_lambda_powertools import Logger
from botocore.exceptions import BotoCoreError, ClientError
from chalice.app import Chalice, CloudWatchEvent, LambdaFunctionEvent
from pynamodb.exceptions import PynamoDBException

from mediajobs.errors import Contention
from mediajobs.pipeline import executions_client, steps_service

DEPENDENCY = (BotoCoreError, ClientError, PynamoDBException)
app = Chalice(app_name="steps")
logger = Logger()


class Transient(Exception):
    """The state machine tries a step again by this name."""


@app.lambda_function()
def step(event: dict[str, Any], _context: LambdaFunctionEvent) -> dict[str, Any]:
    """`{step, job_id, attempt, failure?}`; gives what the next state needs. Raises Transient."""
    logger.info("step", step=event["step"], job_id=event["job_id"], attempt=event["attempt"])
    try:
        return _step(event)
    except (*DEPENDENCY, Contention) as error:
        logger.exception("a step is to be tried again")
        raise Transient(type(error).__name__) from error


@app.on_cw_event({"source": ["aws.states"]})
def execution_ended(event: CloudWatchEvent) -> None:
    """An execution ended without success; where it could not say so itself, its job fails here."""
    job_id, attempt = executions_client.attempt_of(event.detail["name"])
    ended = executions_client.ending(event.detail)
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
