"""Brings template.yaml, as it stands, into the emulator: the same template that AWS gets."""

import json
import time
from dataclasses import dataclass
from itertools import takewhile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.config import Config
from botocore.exceptions import ClientError

from infra.local.errors import StackError
from infra.local.packaging import Package, package

if TYPE_CHECKING:
    from mypy_boto3_cloudformation import CloudFormationClient
    from mypy_boto3_stepfunctions import SFNClient

STACK = "mediajobs"
ARTIFACTS = "mediajobs-artifacts"
ACTIVITY = "mediajobs-tasks"
CAPABILITIES = ["CAPABILITY_IAM", "CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"]
LOCAL = {
    "Stage": "local",
    "AllowPrivateUrls": "true",
    "TaskHeartbeatSeconds": "60",
    "SystemConcurrency": "4",  # a worker runs three kinds of task side by side: more would only wait past its priority
}
BEGINNINGS = ("CREATE_IN_PROGRESS", "UPDATE_IN_PROGRESS")
DEPLOY_SECONDS = 120.0
LOOK_SECONDS = 0.1
CONFIG = Config(proxies={}, connect_timeout=5, read_timeout=60)


@dataclass(frozen=True)
class Deployed:
    activity: str  # its ARN
    outputs: dict[str, str]
    resources: dict[str, list[str]]  # type -> physical ids


def deploy(session: Any, template: Path) -> Deployed:
    """Creates the stack or brings it up to date. Raises StackError with the events that failed."""
    activity = _activity(session.client("stepfunctions", config=CONFIG))
    packaged = package(template, ARTIFACTS)
    url = _upload(session, packaged)
    formation = session.client("cloudformation", config=CONFIG)
    _apply(formation, url, _parameters(packaged.template, activity, formation.meta.endpoint_url))
    return Deployed(activity, _outputs(formation), _resources(formation))


def forget_activity(session: Any) -> None:
    """A restarted MiniStack remembers the activity but not its queue, and would stumble over that: make it anew."""
    states = session.client("stepfunctions", config=CONFIG)
    for activity in states.list_activities()["activities"]:
        states.delete_activity(activityArn=activity["activityArn"])


def _activity(states: "SFNClient") -> str:
    for activity in states.list_activities()["activities"]:
        if activity["name"] == ACTIVITY:
            return activity["activityArn"]
    return states.create_activity(name=ACTIVITY)["activityArn"]


def _upload(session: Any, packaged: Package) -> str:
    """Gives the URL of the template: 50 KB is all that a request may carry."""
    objects = session.client("s3", config=CONFIG)
    objects.create_bucket(Bucket=ARTIFACTS)
    for artifact in packaged.artifacts:
        objects.put_object(Bucket=ARTIFACTS, Key=artifact.key, Body=artifact.body)
    objects.put_object(Bucket=ARTIFACTS, Key="template.json", Body=json.dumps(packaged.template).encode())
    return f"{objects.meta.endpoint_url}/{ARTIFACTS}/template.json"


def _parameters(template: dict[str, Any], activity: str, endpoint: str) -> dict[str, str]:
    """Those of LOCAL that the template has."""
    wanted = {**LOCAL, "TaskResource": activity, "SocketsEndpoint": f"{endpoint}/_aws/execute-api"}
    return {name: value for name, value in wanted.items() if name in template.get("Parameters", {})}


def _apply(formation: "CloudFormationClient", template_url: str, parameters: dict[str, str]) -> None:
    status = _status(formation)
    if status in ("ROLLBACK_COMPLETE", "CREATE_FAILED", "ROLLBACK_FAILED"):  # nothing that could be updated
        formation.delete_stack(StackName=STACK)
        _settle(formation)
        status = None
    request = {
        "StackName": STACK,
        "TemplateURL": template_url,
        "Parameters": [{"ParameterKey": name, "ParameterValue": value} for name, value in parameters.items()],
        "Capabilities": CAPABILITIES,
    }
    try:
        (formation.update_stack if status else formation.create_stack)(**request)  # type: ignore[arg-type]
    except ClientError as error:
        if "No updates are to be performed" in str(error):
            return
        raise StackError(f"template.yaml was refused: {error.response['Error']['Message']}") from None
    if _settle(formation) not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        raise StackError(f"template.yaml could not be deployed:\n{_what_failed(formation)}")


def _status(formation: "CloudFormationClient") -> str | None:
    try:
        return formation.describe_stacks(StackName=STACK)["Stacks"][0]["StackStatus"]
    except ClientError:  # ValidationError: there is none
        return None


def _settle(formation: "CloudFormationClient") -> str | None:
    deadline = time.monotonic() + DEPLOY_SECONDS
    while (status := _status(formation)) and status.endswith("_IN_PROGRESS"):
        if time.monotonic() > deadline:
            raise StackError(
                f"the deployment still is {status} after {DEPLOY_SECONDS:.0f} s: run `mediajobs down` first"
            )
        time.sleep(LOOK_SECONDS)
    return status


def _what_failed(formation: "CloudFormationClient") -> str:
    """Of this deployment alone. Events come newest first."""
    events = takewhile(
        lambda event: (
            event["ResourceType"] != "AWS::CloudFormation::Stack" or event["ResourceStatus"] not in BEGINNINGS
        ),
        formation.describe_stack_events(StackName=STACK)["StackEvents"],
    )
    return "\n".join(
        f"  {event['LogicalResourceId']} ({event['ResourceType']}): {event.get('ResourceStatusReason', 'no reason')}"
        for event in reversed(list(events))
        if event["ResourceStatus"].endswith("_FAILED")
    )


def _outputs(formation: "CloudFormationClient") -> dict[str, str]:
    stack = formation.describe_stacks(StackName=STACK)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def _resources(formation: "CloudFormationClient") -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for page in formation.get_paginator("list_stack_resources").paginate(StackName=STACK):
        for resource in page["StackResourceSummaries"]:
            found.setdefault(resource["ResourceType"], []).append(resource.get("PhysicalResourceId", ""))
    return found
