"""What a restart of MiniStack needs, for it saves neither all that it knows nor in a way that another port could read.

Executions do not survive: it marks them failed, and tells nobody. AWS would send "Step Functions Execution Status
Change". Without it their jobs would run for ever and keep their slots.
"""

import json
import re
from datetime import datetime
from typing import TYPE_CHECKING, Any

from infra.local.deploy import CONFIG
from infra.local.home import Home, read_json, write_json, write_private

if TYPE_CHECKING:
    from mypy_boto3_events import EventBridgeClient
    from mypy_boto3_stepfunctions import SFNClient
    from mypy_boto3_stepfunctions.type_defs import ExecutionListItemTypeDef

SOURCE = "aws.states"
ADDRESSED = ("apigateway", "cloudformation", "lambda", "sqs")  # the services that save addresses of MiniStack itself
# In the address of a queue, of the emulator's own paths or of an API: all other addresses are the users'.
_OWN_PORT = re.compile(
    r"(?<=localhost:|127\.0\.0\.1:)\d+(?=/0{12}/|/_aws/|/_ministack/)|(?<=\.execute-api\.localhost:)\d+"
)


def prepare(home: Home, port: int) -> None:
    """Before the start: what was saved on another port is made to fit this one."""
    _move(home, port)
    _forget_stream_positions(home)


def _move(home: Home, port: int) -> None:
    """MiniStack's queues are keyed by their URLs. Under those of another port it finds none, and no function is fed."""
    for service in ADDRESSED:
        file = home.state / f"{service}.json"
        saved = file.read_text() if file.exists() else ""
        if (moved := _OWN_PORT.sub(str(port), saved)) != saved:
            write_private(file, moved)


def _forget_stream_positions(home: Home) -> None:
    """MiniStack saves how far each function has read a stream, but not the stream, which begins again at 0.

    Left alone, it would pass over as many changes after the restart as there were before.
    """
    file = home.state / "lambda.json"
    saved = read_json(file)
    if saved.get("payload", {}).pop("dynamodb_stream_positions", None):
        write_json(file, saved)


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
