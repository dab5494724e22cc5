"""`up` and `down` for real, with a small template: a table, a bucket, a function with a layer, a state machine."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from infra import local
from infra.local import emulator, preflight_checks, processes
from infra.local.artifacts import package_template
from infra.local.ports import free_port
from infra.local.stack_folder import StackFolder
from infra.paths import ROOT
from tests.support.waiting import HANG_SECONDS, until

FUNCTION = """
import os, urllib.request, greeting

def handler(event, context):
    if event.get("queryStringParameters"):
        os._exit(1)
    records = event.get("Records", [])
    seen = [record.get("body") or record["dynamodb"]["Keys"]["id"]["S"] for record in records]
    if event.get("source") == "aws.states":
        seen.append(event["detail"]["name"])
    for name in seen:
        url = f"{os.environ['AWS_ENDPOINT_URL']}/{os.environ['BUCKET']}/{name}"
        urllib.request.urlopen(urllib.request.Request(url, b"seen", method="PUT"), timeout=100)
    return {"statusCode": 200, "body": greeting.TEXT + os.environ["AWS_ENDPOINT_URL"]}
"""
TOY = "import sys, time\ntime.sleep(float(sys.argv[1]))\n"
PIPELINE = {
    "StartAt": "Task",
    "States": {
        "Task": {
            "Type": "Task",
            "Resource": "${TaskResource}",
            "Parameters": {"ContainerOverrides": {"Command.$": "$.command"}},
            "End": True,
        }
    },
}
TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String}
  TaskResource: {Type: String}
Globals:
  Function: {Runtime: python3.12, Layers: [!Ref Library], Timeout: 120}
Resources:
  Library: {Type: AWS::Serverless::LayerVersion, Properties: {ContentUri: layer}}
  Jobs:
    Type: AWS::DynamoDB::Table
    Properties:
      BillingMode: PAY_PER_REQUEST
      AttributeDefinitions: [{AttributeName: id, AttributeType: S}]
      KeySchema: [{AttributeName: id, KeyType: HASH}]
      StreamSpecification: {StreamViewType: KEYS_ONLY}
  Media: {Type: AWS::S3::Bucket}
  Work: {Type: AWS::SQS::Queue, Properties: {VisibilityTimeout: 60}}
  Api:
    Type: AWS::Serverless::Api
    Properties:
      StageName: !Ref Stage
      GatewayResponses:
        DEFAULT_5XX:
          StatusCode: 503
          ResponseParameters: {Headers: {X-Request-Id: context.requestId, Retry-After: "'5'"}}
          ResponseTemplates: {application/json: '{"status": 503, "instance": "$context.path"}'}
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: function
      Handler: app.handler
      Environment: {Variables: {BUCKET: !Ref Media, QUEUE: !Ref Work}}
      Events:
        Get: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /hello, Method: get}}
        Work: {Type: SQS, Properties: {Queue: !GetAtt Work.Arn}}
        Ended: {Type: EventBridgeRule, Properties: {Pattern: {source: [aws.states], detail: {status: [FAILED]}}}}
        Change: {Type: DynamoDB, Properties: {Stream: !GetAtt Jobs.StreamArn, StartingPosition: TRIM_HORIZON}}
  Pipeline:
    Type: AWS::Serverless::StateMachine
    Properties: {DefinitionUri: pipeline.asl.json, DefinitionSubstitutions: {TaskResource: !Ref TaskResource}}
Outputs:
  ApiUrl: {Value: !Sub "https://${Api}.execute-api.${AWS::Region}.amazonaws.com/${Stage}"}
  JobsTable: {Value: !Ref Jobs}
  MediaBucket: {Value: !Ref Media}
  StateMachine: {Value: !Ref Pipeline}
  WorkQueue: {Value: !Ref Work}
"""

# `up`, which never gets to its second step.
HELD_UP = """
import signal, sys
from pathlib import Path
from infra import local
from infra.local import deployment

def hold(_session):
    print("MiniStack runs", flush=True)
    signal.pause()

deployment.delete_activities = hold
local.up(0, Path(sys.argv[1]), model=None)
"""

Up = Callable[..., local.Stack]


@pytest.fixture
def template(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    files = {
        "template.yaml": TEMPLATE,
        "pipeline.asl.json": json.dumps(PIPELINE),
        "function/app.py": FUNCTION,
        "layer/python/greeting.py": "TEXT = 'hello from '",
        "modules/toy.py": TOY,
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
        (tmp_path / name).write_text(text)
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path / 'modules'}:{ROOT}")
    return tmp_path / "template.yaml"


@pytest.fixture
def up(tmp_path: Path, template: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Up]:
    homes: set[Path] = set()
    monkeypatch.setattr(emulator, "START_TIMEOUT_SECONDS", HANG_SECONDS)
    monkeypatch.setattr("infra.local.worker_process.START_TIMEOUT_SECONDS", HANG_SECONDS)
    monkeypatch.setattr("infra.local.stack.KEY_TIMEOUT_SECONDS", HANG_SECONDS)
    monkeypatch.setattr("infra.local.deployment.DEPLOY_TIMEOUT_SECONDS", HANG_SECONDS)

    def start(name: str = "home", port: int = 0) -> local.Stack:
        homes.add(tmp_path / name)
        return local.up(port, tmp_path / name, template=template, model=None, module="toy")

    yield start
    for home in homes:
        local.down(home)


def hello(stack: local.Stack) -> str:
    return requests.get(f"{stack.api_url}/hello", timeout=HANG_SECONDS).text


def listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def start_task(stack: local.Stack, seconds: float) -> str:
    states = emulator.session(stack.endpoint_url).client("stepfunctions")
    command = json.dumps({"command": [str(seconds)]})
    execution = states.start_execution(stateMachineArn=stack.outputs["state_machine"], input=command)
    return str(execution["executionArn"])


def change(stack: local.Stack, name: str) -> None:
    """Writes an item; the function sees it in the stream and writes an object."""
    table = emulator.session(stack.endpoint_url).client("dynamodb")
    table.put_item(TableName=stack.outputs["jobs_table"], Item={"id": {"S": name}})


def items(stack: local.Stack) -> list[str]:
    table = emulator.session(stack.endpoint_url).client("dynamodb")
    return [item["id"]["S"] for item in table.scan(TableName=stack.outputs["jobs_table"])["Items"]]


def order(stack: local.Stack, name: str, after: int = 0) -> None:
    """Sends a message; the function gets it from the queue and writes an object."""
    queues = emulator.session(stack.endpoint_url).client("sqs")
    queues.send_message(QueueUrl=stack.outputs["work_queue"], MessageBody=name, DelaySeconds=after)


def waiting(stack: local.Stack) -> int:
    """How many messages are not due yet."""
    name = "ApproximateNumberOfMessagesDelayed"
    queues = emulator.session(stack.endpoint_url).client("sqs")
    answer = queues.get_queue_attributes(QueueUrl=stack.outputs["work_queue"], AttributeNames=[name])
    return int(answer["Attributes"][name])


def keys(stack: local.Stack) -> list[str]:
    objects = emulator.session(stack.endpoint_url).client("s3")
    listed = objects.list_objects_v2(Bucket=stack.outputs["media_bucket"])
    return [entry["Key"] for entry in listed.get("Contents", [])]


def test_stack_works_is_updated_and_keeps_its_data(up: Up, tmp_path: Path) -> None:
    stack = up()
    written = json.loads((tmp_path / "home" / "stack.json").read_text())
    assert oct((tmp_path / "home" / "stack.json").stat().st_mode)[-3:] == "600"
    assert (written["api_url"], written["ws_url"], written["region"]) == (stack.api_url, None, "us-east-1")
    assert written["jobs_table"] == stack.environment["JOBS_TABLE"]
    assert local.status(tmp_path / "home") == stack
    assert hello(stack) == f"hello from {stack.endpoint_url}"
    states: Any = emulator.session(stack.endpoint_url).client("stepfunctions")
    execution = start_task(stack, 0)
    until(lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED")
    died = requests.get(f"{stack.api_url}/hello?die=1", timeout=HANG_SECONDS)
    assert (died.status_code, died.json()) == (503, {"status": 503, "instance": "/hello"})
    assert died.headers["X-Request-Id"]
    assert died.headers["Retry-After"] == "5"
    assert hello(stack) == f"hello from {stack.endpoint_url}"
    change(stack, "first")
    until(lambda: "first" in keys(stack))

    (tmp_path / "layer/python/greeting.py").write_text("TEXT = 'goodbye from '")
    updated = up(port=stack.port)
    assert updated == stack, "its processes and addresses are the same"
    assert hello(updated) == f"goodbye from {stack.endpoint_url}"

    broken = start_task(updated, 3600).rpartition(":")[2]
    order(updated, "late", after=900)
    assert local.down(tmp_path / "home")
    again = up(port=free_port(0))
    assert again.port != stack.port
    assert again.outputs == stack.outputs | {"work_queue": again.outputs["work_queue"]}
    assert again.outputs["work_queue"] == stack.outputs["work_queue"].replace(f":{stack.port}/", f":{again.port}/")
    assert waiting(again) == 1, "what is in a queue is kept"
    assert hello(again) == f"goodbye from {again.endpoint_url}"
    assert "first" in keys(again)
    change(again, "second")
    order(again, "third")
    until(lambda: set(keys(again)) == {"first", "second", "third", broken})  # who runs is told to have failed
    states = emulator.session(again.endpoint_url).client("stepfunctions")
    execution = start_task(again, 0)
    until(lambda: states.describe_execution(executionArn=execution)["status"] == "SUCCEEDED")


def test_two_stacks_do_not_meet_and_leave_nothing_however_they_end(up: Up, tmp_path: Path) -> None:
    left, right = up("left"), up("right")
    assert left.port != right.port
    hello(left)
    start_task(left, 3600)
    until(
        lambda: len(processes.process_ids(StackFolder(tmp_path / "left"))) >= 4
    )  # MiniStack, a Lambda, the worker, a task
    objects = emulator.session(right.endpoint_url).client("s3")
    assert left.outputs["media_bucket"] not in [bucket["Name"] for bucket in objects.list_buckets()["Buckets"]]
    change(left, "kept")
    saved = tmp_path / "left" / "state" / "dynamodb.json"
    until(lambda: saved.exists() and '"kept"' in saved.read_text())

    os.kill(left.processes["ministack"]["pid"], signal.SIGKILL)
    os.kill(left.processes["worker"]["pid"], signal.SIGKILL)
    assert local.status(tmp_path / "left") is None
    local.down(tmp_path / "left")
    assert processes.process_ids(StackFolder(tmp_path / "left")) == []
    assert not listens(left.port)
    assert hello(right)
    again = up("left")
    assert items(again) == ["kept"], "the last save is all that a killed stack has"
    assert "was killed" in local.usage_text(again)

    start_task(right, 3600)
    until(lambda: len(processes.process_ids(StackFolder(tmp_path / "right"))) >= 4)
    local.down(tmp_path / "right")
    assert processes.process_ids(StackFolder(tmp_path / "right")) == []
    assert not listens(right.port)
    assert not local.down(tmp_path / "right"), "down again is harmless"
    assert not StackFolder(tmp_path / "right").running_marker.exists(), "the next `up` has nothing to regret"


def test_interrupted_start_leaves_nothing(template: Path, tmp_path: Path) -> None:
    home = StackFolder(tmp_path / "home")
    with subprocess.Popen(
        [sys.executable, "-c", HELD_UP, str(home.path)], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as starting:
        assert starting.stdout is not None
        assert starting.stdout.readline() == "MiniStack runs\n"
        assert processes.process_ids(home)
        starting.send_signal(signal.SIGTERM)
        assert starting.wait(HANG_SECONDS) != 0
    assert processes.process_ids(home) == []


def test_template_that_cannot_be_deployed_says_what_failed(up: Up, template: Path, tmp_path: Path) -> None:
    template.write_text(TEMPLATE.replace("!Ref Library", "arn:aws:lambda:us-east-1:000000000000:layer:none:1"))
    with pytest.raises(local.StackError, match=r"Hello \(AWS::Lambda::Function\): \w+"):
        up()
    assert processes.process_ids(StackFolder(tmp_path / "home")) == []


def test_same_code_makes_the_same_package(template: Path, tmp_path: Path) -> None:
    first = package_template(template, "bucket")
    (tmp_path / "layer/python/__pycache__").mkdir()
    (tmp_path / "layer/python/__pycache__/greeting.pyc").write_bytes(b"left out")
    os.utime(tmp_path / "function/app.py", (1, 1))
    assert package_template(template, "bucket") == first
    (tmp_path / "function/app.py").write_text("changed")
    changed = package_template(template, "bucket")
    assert len({artifact.key for artifact in changed.artifacts} - {artifact.key for artifact in first.artifacts}) == 1


def test_port_in_use_names_its_user_and_the_cure(up: Up) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(local.StackError) as refused:
            up(port=port)
    assert str(refused.value).startswith(f"port {port} is in use by process {os.getpid()}")
    assert f"MEDIAJOBS_PORT={port + 1}" in str(refused.value)


def test_a_full_disk_names_the_cure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    full = shutil.disk_usage(tmp_path)._replace(free=5 << 20)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: full)
    with pytest.raises(local.StackError, match=r"only 5 MB free below .*: make room for 1 GB"):
        preflight_checks.check_machine(tmp_path)


def test_one_up_at_a_time(up: Up, tmp_path: Path) -> None:
    with (
        StackFolder(tmp_path / "home").lock(),
        pytest.raises(local.StackError, match="another `up` or `down` is at work"),
    ):
        up()
