"""Deploys template.yaml into the emulator: the same template that AWS gets."""

import json
import time
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.artifacts import PackagedTemplate, package_template
from infra.local.stack_error import StackError

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_stepfunctions import SFNClient

STACK_NAME = "mediajobs"
ARTIFACTS_BUCKET = "mediajobs-artifacts"
ACTIVITY_NAME = "mediajobs-tasks"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
LOCAL_PARAMETERS = {
    "Stage": "local",
    "AllowPrivateUrls": "true",
    "TaskHeartbeatSeconds": "60",
    # The worker runs three kinds of task in parallel. More running jobs would wait for it without regard to priority.
    "SystemConcurrency": "4",
}
FIRST_STATUSES = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
DEPLOY_TIMEOUT_SECONDS = 120.0
POLL_SECONDS = 0.1
CLIENT_CONFIG = Config(proxies={}, connect_timeout=5, read_timeout=60)


@dataclass(frozen=True)
class Deployment:
    activity: str  # its ARN
    outputs: dict[str, str]
    resources: dict[str, list[str]]  # type -> physical ids


def deploy(session: Any, template: Path) -> Deployment:
    """Creates or updates the stack. Raises StackError with the events that failed."""
    activity = _get_or_create_activity(session.client("stepfunctions", config=CLIENT_CONFIG))
    packaged = package_template(template, ARTIFACTS_BUCKET)
    url = _upload(session, packaged)
    cloudformation = session.client("cloudformation", config=CLIENT_CONFIG)
    endpoint = cloudformation.meta.endpoint_url
    _create_or_update(cloudformation, url, _parameters(packaged.template, activity, endpoint))
    return Deployment(activity, _outputs(cloudformation), _resources(cloudformation))


def delete_activities(session: Any) -> None:
    """A restarted MiniStack knows the activity but not its queue, and would fail; `deploy` creates it again."""
    stepfunctions = session.client("stepfunctions", config=CLIENT_CONFIG)
    for activity in stepfunctions.list_activities()["activities"]:
        stepfunctions.delete_activity(activityArn=activity["activityArn"])


def _get_or_create_activity(stepfunctions: "SFNClient") -> str:
    for activity in stepfunctions.list_activities()["activities"]:
        if activity["name"] == ACTIVITY_NAME:
            return activity["activityArn"]
    return stepfunctions.create_activity(name=ACTIVITY_NAME)["activityArn"]


def _upload(session: Any, packaged: PackagedTemplate) -> str:
    """Uploads artifacts and template. Returns the URL of the template: a request itself may carry only 50 KB."""
    s3 = session.client("s3", config=CLIENT_CONFIG)
    s3.create_bucket(Bucket=ARTIFACTS_BUCKET)
    for artifact in packaged.artifacts:
        s3.put_object(Bucket=ARTIFACTS_BUCKET, Key=artifact.key, Body=artifact.body)
    s3.put_object(Bucket=ARTIFACTS_BUCKET, Key="template.json", Body=json.dumps(packaged.template).encode())
    return f"{s3.meta.endpoint_url}/{ARTIFACTS_BUCKET}/template.json"


def _parameters(template: dict[str, Any], activity: str, endpoint: str) -> dict[str, str]:
    """The local values of the parameters that the template has."""
    values = {**LOCAL_PARAMETERS, "TaskResource": activity, "WebSocketEndpoint": f"{endpoint}/_aws/execute-api"}
    return {name: value for name, value in values.items() if name in template.get("Parameters", {})}


def _create_or_update(cloudformation: "CloudFormationClient", template_url: str, parameters: dict[str, str]) -> None:
    status = _status(cloudformation)
    if status in ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"):  # such a stack cannot be updated
        cloudformation.delete_stack(StackName=STACK_NAME)
        _wait_until_settled(cloudformation)
        status = None
    request = {
        "StackName": STACK_NAME,
        "TemplateURL": template_url,
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        "Capabilities": CAPABILITIES,
    }
    try:
        (cloudformation.update_stack if status else cloudformation.create_stack)(**request)  # type: ignore[arg-type]
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return
        raise StackError(f"template.yaml was refused: {error.response['Error']['Message']}") from None
    if _wait_until_settled(cloudformation) not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise StackError(f"template.yaml could not be deployed:\n{_failed_events(cloudformation)}")


def _status(cloudformation: "CloudFormationClient") -> str | None:
    """None if there is no stack."""
    try:
        return cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]["StackStatus"]
    except ClientError:  # ValidationError: there is none
        return None


def _wait_until_settled(cloudformation: "CloudFormationClient") -> str | None:
    """Returns the final status. Raises StackError after DEPLOY_TIMEOUT_SECONDS."""
    deadline = time.monotonic() + DEPLOY_TIMEOUT_SECONDS
    while (status := _status(cloudformation)) and status.endswith("_IN_PROGRESS"):
        if time.monotonic() > deadline:
            raise StackError(
                f"the deployment still is {status} after {DEPLOY_TIMEOUT_SECONDS:.0f} s: run `mediajobs down` first"
            )
        time.sleep(POLL_SECONDS)
    return status


def _failed_events(cloudformation: "CloudFormationClient") -> str:
    """The failures of this deployment, one a line. CloudFormation lists the newest events first."""
    events = takewhile(
        lambda event: (
            event["ResourceType"] != "AWS::CloudFormation::Stack" or event["ResourceStatus"] not in FIRST_STATUSES
        ),
        cloudformation.describe_stack_events(StackName=STACK_NAME)["StackEvents"],
    )
    return "\n".join(
        f"  {event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', 'no reason')}"
        for event in reversed(list(events))
        if event["ResourceStatus"].endswith("_FAILED")
    )


def _outputs(cloudformation: "CloudFormationClient") -> dict[str, str]:
    stack = cloudformation.describe_stacks(StackName=STACK_NAME)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _resources(cloudformation: "CloudFormationClient") -> dict[str, list[str]]:
    ids: dict[str, list[str]] = {}
    for page in cloudformation.get_paginator("list_stack_resources").paginate(StackName=STACK_NAME):
        for resource in page["StackResourceSummaries"]:
            ids.setdefault(resource["ResourceType"], []).append(resource.get("PhysicalResourceId", ""))
    return ids
