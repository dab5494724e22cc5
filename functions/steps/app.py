"""The light steps of the pipeline: what the state machine asks of the books between its tasks."""

from typing import Any

from aws_lambda_powertools import Logger
from chalice.app import Chalice, CloudWatchEvent, LambdaFunctionEvent

from mediajobs.stores import executions, pipeline

app = Chalice(app_name="steps")
logger = Logger()


@app.lambda_function()
def step(event: dict[str, Any], _context: LambdaFunctionEvent) -> dict[str, Any]:
    """`{step, job_id, attempt, failure?}`; gives what the next state needs."""
    job_id, attempt = event["job_id"], event["attempt"]
    logger.info("step", step=event["step"], job_id=job_id, attempt=attempt)
    if event["step"] == "plan":
        return pipeline.plan(job_id, attempt)
    if event["step"] == "publish":
        pipeline.publish(job_id, attempt)
        return {}
    pipeline.fail(job_id, attempt, error=event["failure"].get("Error", ""))
    return {}


@app.on_cw_event({"source": ["aws.states"]})
def execution_ended(event: CloudWatchEvent) -> None:
    """An execution ended without success; where it could not say so itself, its job fails here."""
    job_id, attempt = executions.attempt_of(event.detail["name"])
    pipeline.fail(job_id, attempt, error=event.detail["status"])
