"""Reports executions that a restart of MiniStack interrupted, as AWS would.

Executions do not survive a restart: MiniStack marks them as failed and sends no event. AWS would send "Step Functions
Execution Status Change". Without that event their jobs would stay running for ever and keep their slots.
"""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from infra.local.deployment import CLIENT_CONFIG

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

EVENT_SOURCE = "aws.states"


def report_failed_since(session: Any, since: datetime) -> int:
    """Invokes the functions that subscribe to it for each execution that failed since then. Returns their number."""
    executions = _failed_since(session.client("stepfunctions", config=CLIENT_CONFIG), since)
    functions = _subscribed_functions(session.client("events", config=CLIENT_CONFIG)) if executions else []
    lambda_client = session.client("lambda", config=CLIENT_CONFIG)
    for execution in executions:
        payload = json.dumps(_status_change_event(execution))
        for function in functions:
            lambda_client.invoke(FunctionName=function, InvocationType="Event", Payload=payload)
    return len(executions)


def _failed_since(stepfunctions: "SFNClient", since: datetime) -> "list[ExecutionListItemTypeDef]":
    return [
        execution
        for machine in stepfunctions.list_state_machines()["stateMachines"]
        for page in stepfunctions.get_paginator("list_executions").paginate(
            stateMachineArn=machine["stateMachineArn"], statusFilter="FAILED"
        )
        for execution in page["executions"]
        if execution["stopDate"] >= since
    ]


def _subscribed_functions(events: "EventBridgeClient") -> list[str]:
    """The ARNs of the rules' targets. MiniStack, like AWS, refuses events with AWS as their source."""
    return [
        target["Arn"]
        for rule in events.list_rules()["Rules"]
        if EVENT_SOURCE in json.loads(rule.get("EventPattern", "{}")).get("source", [])
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        if ":lambda:" in target["Arn"]
    ]


def _status_change_event(execution: "ExecutionListItemTypeDef") -> dict[str, Any]:
    return {
        "version": "0",
        "id": execution["name"],
        "source": EVENT_SOURCE,
        "detail-type": "Step Functions Execution Status Change",
        "time": execution["stopDate"].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "account": "000000000000",
        "region": execution["executionArn"].split(":")[3],
        "resources": [execution["executionArn"]],
        "detail": {
            "executionArn": execution["executionArn"],
            "stateMachineArn": execution["stateMachineArn"],
            "name": execution["name"],
            "status": "FAILED",
        },
    }
