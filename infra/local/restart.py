"""Executions do not survive a restart of MiniStack: it marks them failed, and tells nobody.

AWS would send "Step Functions Execution Status Change". Without it their jobs would run for ever and keep their slots.
"""

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any

from infra.local.deploy import CONFIG

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

SOURCE = "aws.states"


def announce(session: Any, since: datetime) -> int:
    """Tells the functions that listen for it of each execution that failed since then. Gives how many there were."""
    broken = _failed_since(session.client("stepfunctions", config=CONFIG), since)
    functions = _listeners(session.client("events", config=CONFIG)) if broken else []
    invoker = session.client("lambda", config=CONFIG)
    for execution in broken:
        for function in functions:
            invoker.invoke(FunctionName=function, InvocationType="Event", Payload=json.dumps(_event(execution)))
    return len(broken)


def _failed_since(states: "SFNClient", since: datetime) -> "list[ExecutionListItemTypeDef]":
    return [
        execution
        for machine in states.list_state_machines()["stateMachines"]
        for page in states.get_paginator("list_executions").paginate(
            stateMachineArn=machine["stateMachineArn"], statusFilter="FAILED"
        )
        for execution in page["executions"]
        if execution["stopDate"] >= since
    ]


def _listeners(events: "EventBridgeClient") -> list[str]:
    """An emulator refuses events in AWS's name as AWS does, so they are handed to the targets of the rules."""
    return [
        target["Arn"]
        for rule in events.list_rules()["Rules"]
        if SOURCE in json.loads(rule.get("EventPattern", "{}")).get("source", [])
        for target in events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        if ":lambda:" in target["Arn"]
    ]


def _event(execution: "ExecutionListItemTypeDef") -> dict[str, Any]:
    return {
        "version": "0",
        "id": execution["name"],
        "source": SOURCE,
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
