"""The worker against a real MiniStack, with a toy in place of the tasks."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from infra.local import emulator
from infra.paths import ROOT
from mediajobs.health import worker_store
from mediajobs.health.report import Heartbeat
from statemachine.worker.claims import Claim, Claims
from statemachine.worker.processes import started_at
from tests.support.emulator import ministack
from tests.support.waiting import HANG_SECONDS, until

SIGN_SECONDS = 0.2
TOY = """
import pathlib, signal, os, subprocess, sys, time
verb, *rest = sys.argv[1:]
if verb == "exit":
    print("first line", "last words", sep="\\n", file=sys.stderr)
    sys.exit(int(rest[0]))
if verb == "die":
    os.kill(os.getpid(), signal.SIGSEGV)
pids = [os.getpid()]
if verb == "lead-away":  # a process that drops every mark, and then hang
    pids.append(subprocess.Popen(["sleep", "120"], env={}, start_new_session=True).pid)
if verb == "leave-daemon":  # a process that forked twice and left the session, and then end
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setsid()
        if (daemon := os.fork()) == 0:
            signal.pause()
        os.write(writing, str(daemon).encode())
        os._exit(0)
    pathlib.Path(rest[0], "daemon").write_bytes(os.read(reading, 100))
    sys.exit()
folder = pathlib.Path(rest[0])  # hang: until the file `go` is there
with (folder / "runs").open("a") as runs:
    print(*pids, file=runs)
while not (folder / "go").exists():
    time.sleep(0.05)
"""


@pytest.fixture(scope="module")
def states(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with ministack(tmp_path_factory.mktemp("worker")) as session:
        yield session.client("stepfunctions")


@pytest.fixture
def toy(tmp_path: Path) -> Path:
    """The folder of the module that stands for the tasks."""
    (tmp_path / "modules").mkdir()
    (tmp_path / "modules" / "toy.py").write_text(TOY)
    return tmp_path / "modules"


@pytest.fixture
def counters(states: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """DynamoDB, with a table of this test's own where workers give their signs of life."""
    dynamodb = emulator.session(states.meta.endpoint_url).client("dynamodb")
    table = f"Counters-{uuid4()}"
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "name", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "name", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    monkeypatch.setenv("COUNTERS_TABLE", table)
    return dynamodb


class Pipe:
    """A state machine whose one task is an activity."""

    def __init__(self, states: Any, name: str) -> None:
        self.states = states
        self.activity = states.create_activity(name=name)["activityArn"]
        task = {"Type": "Task", "Resource": self.activity, "HeartbeatSeconds": 60, "End": True}
        definition = {"StartAt": "Task", "States": {"Task": task}}
        role = "arn:aws:iam::000000000000:role/any"
        machine = states.create_state_machine(name=name, roleArn=role, definition=json.dumps(definition))
        self.machine = machine["stateMachineArn"]

    def start(self, *command: str) -> str:
        return self.start_with({"ContainerOverrides": {"Command": list(command)}})

    def start_with(self, document: object) -> str:
        execution = self.states.start_execution(stateMachineArn=self.machine, input=json.dumps(document))
        return str(execution["executionArn"])

    def status(self, execution: str) -> str:
        return str(self.states.describe_execution(executionArn=execution)["status"])

    def end(self, execution: str) -> dict[str, Any]:
        until(lambda: self.status(execution) != "RUNNING")
        return dict(self.states.describe_execution(executionArn=execution))


@pytest.fixture
def pipe(states: Any, request: pytest.FixtureRequest) -> Pipe:
    return Pipe(states, request.node.name[:60])


@pytest.fixture
def worker(
    toy: Path, states: Any, counters: Any, pipe: Pipe, tmp_path: Path
) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Starts a worker and waits until it polls."""
    started: list[subprocess.Popen[str]] = []
    environment = {
        **emulator.client_environment(states.meta.endpoint_url),
        "PYTHONPATH": f"{toy}:{ROOT}",
        "WORKER_SIGN_SECONDS": str(SIGN_SECONDS),
    }

    def start(*options: str, **settings: str) -> subprocess.Popen[str]:
        arguments = ["--activity", pipe.activity, "--claims", str(tmp_path / "claims"), "--module", "toy", *options]
        log = tmp_path / f"worker-{len(started)}.log"
        with log.open("w") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "statemachine.worker", *arguments],
                env={**environment, **settings},
                stdout=out,
                stderr=out,
                text=True,
                cwd=tmp_path,
            )
        started.append(process)
        until(lambda: "polling" in log.read_text() or process.poll() is not None)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()


def runs(folder: Path) -> list[list[int]]:
    """The process ids of each run of `hang` and `lead-away`."""
    file = folder / "runs"
    return [[int(pid) for pid in line.split()] for line in file.read_text().splitlines()] if file.exists() else []


def gone(pids: list[int]) -> bool:
    return all(started_at(pid) is None for pid in pids)


def logged(folder: Path) -> str:
    return "".join(path.read_text() for path in folder.glob("worker-*.log"))


def test_result_of_a_task_reaches_its_execution(pipe: Pipe, worker: Callable[..., Any], tmp_path: Path) -> None:
    worker()
    assert pipe.end(pipe.start("exit", "0"))["status"] == "SUCCEEDED"
    assert Claims(tmp_path / "claims").all() == []


def test_exit_codes_become_named_errors(pipe: Pipe, worker: Callable[..., Any]) -> None:
    worker("--concurrency", "3")
    commands = {"BadInput": "65", "Transient": "75", "Stopped": "77", "TaskCrashed": "1"}
    executions = {name: pipe.start("exit", code) for name, code in commands.items()}
    ends = {name: pipe.end(execution) for name, execution in executions.items()}
    assert {name: end["error"] for name, end in ends.items()} == {name: name for name in commands}
    assert ends["TaskCrashed"]["cause"] == "exit code 1\nfirst line\nlast words"


def test_task_killed_by_a_signal_says_which(pipe: Pipe, worker: Callable[..., Any]) -> None:
    worker()
    end = pipe.end(pipe.start("die"))
    assert (end["error"], end["cause"]) == ("TaskCrashed", "killed by SIGSEGV")


def test_input_without_a_command_is_bad_input(pipe: Pipe, worker: Callable[..., Any]) -> None:
    worker()
    assert pipe.end(pipe.start_with({"ContainerOverrides": {}}))["error"] == "BadInput"
    assert pipe.end(pipe.start_with("text"))["error"] == "BadInput"


@pytest.mark.parametrize("end", [signal.SIGKILL, signal.SIGTERM])
def test_next_worker_finishes_what_a_killed_one_began(
    pipe: Pipe, worker: Callable[..., Any], tmp_path: Path, end: signal.Signals
) -> None:
    first = worker()
    execution = pipe.start("hang", str(tmp_path))
    until(lambda: runs(tmp_path))
    first.send_signal(end)
    first.wait(HANG_SECONDS)
    until(lambda: gone(runs(tmp_path)[0]))
    worker()
    until(lambda: len(runs(tmp_path)) == 2)
    (tmp_path / "go").touch()
    assert pipe.end(execution)["status"] == "SUCCEEDED"
    assert Claims(tmp_path / "claims").all() == []


def test_stopped_worker_takes_along_what_its_task_led_away(
    pipe: Pipe, worker: Callable[..., Any], tmp_path: Path
) -> None:
    process = worker()
    pipe.start("lead-away", str(tmp_path))
    until(lambda: runs(tmp_path))
    process.terminate()
    assert process.wait(HANG_SECONDS) == 0
    assert gone(runs(tmp_path)[0])


def test_descendant_that_forked_twice_ends_with_its_task(
    pipe: Pipe, worker: Callable[..., Any], tmp_path: Path
) -> None:
    worker()
    assert pipe.end(pipe.start("leave-daemon", str(tmp_path)))["status"] == "SUCCEEDED"
    daemon = int((tmp_path / "daemon").read_text())
    assert started_at(daemon) is None


def test_poll_of_a_killed_worker_takes_no_task_along(pipe: Pipe, worker: Callable[..., Any]) -> None:
    first = worker()
    first.kill()
    first.wait()
    execution = pipe.start("exit", "0")
    worker()
    assert pipe.end(execution)["status"] == "SUCCEEDED"


def test_light_task_does_not_wait_behind_long_ones(pipe: Pipe, worker: Callable[..., Any], tmp_path: Path) -> None:
    worker()
    long = [pipe.start("hang", str(tmp_path)) for _ in range(2)]
    until(lambda: runs(tmp_path))
    assert pipe.end(pipe.start("exit", "0"))["status"] == "SUCCEEDED"
    assert len(runs(tmp_path)) == 1, "one task of a kind at a time"
    (tmp_path / "go").touch()
    assert [pipe.end(execution)["status"] for execution in long] == ["SUCCEEDED", "SUCCEEDED"]


def test_claim_that_nobody_waits_for_is_dropped(pipe: Pipe, worker: Callable[..., Any], tmp_path: Path) -> None:
    claims = Claims(tmp_path / "claims")
    claims.save(Claim("forgotten-token", {"ContainerOverrides": {"Command": ["hang", str(tmp_path)]}}))
    worker()
    until(lambda: claims.all() == [])
    assert '"event": "lost"' in logged(tmp_path)
    assert all(gone(run) for run in runs(tmp_path))


def test_second_worker_with_the_same_claims_is_refused(pipe: Pipe, worker: Callable[..., Any], tmp_path: Path) -> None:
    worker()
    assert worker().wait(HANG_SECONDS) == 1
    assert "give --claims another folder" in logged(tmp_path)


def test_log_names_no_token_and_claims_are_private(pipe: Pipe, worker: Callable[..., Any], tmp_path: Path) -> None:
    worker()
    execution = pipe.start("hang", str(tmp_path))
    until(lambda: runs(tmp_path))
    (claim,) = Claims(tmp_path / "claims").all()
    (file,) = (tmp_path / "claims").glob("*.json")
    assert oct(file.stat().st_mode)[-3:] == "600"
    (tmp_path / "go").touch()
    pipe.end(execution)
    assert claim.id in logged(tmp_path)
    assert claim.token not in logged(tmp_path)


def test_each_worker_gives_a_sign_of_life_and_takes_it_back(
    worker: Callable[..., Any], counters: Any, tmp_path: Path
) -> None:
    def alive(count: int) -> list[Heartbeat]:
        """Those of so many workers, as soon as there are so many."""

        def signs() -> list[Heartbeat] | None:
            found = worker_store.alive(counters, time.time())
            return found if len(found) == count else None

        return until(signs) or []

    def names() -> set[str]:
        item = counters.get_item(TableName=os.environ["COUNTERS_TABLE"], Key={"name": {"S": "workers"}}).get("Item", {})
        return set(item) - {"name"}

    first = worker("--claims", str(tmp_path / "a"))
    (sign,) = alive(1)
    assert sign.disk.total >= sign.disk.free > 0
    own = names()
    second = worker("--claims", str(tmp_path / "b"))
    alive(2)
    first.send_signal(signal.SIGSTOP)
    alive(1)
    first.send_signal(signal.SIGCONT)
    alive(2)
    first.terminate()
    first.wait(HANG_SECONDS)
    assert not own & names()
    second.kill()
    until(lambda: not worker_store.alive(counters, time.time()))


def test_a_worker_that_cannot_give_its_sign_works_all_the_same(
    pipe: Pipe, worker: Callable[..., Any], tmp_path: Path
) -> None:
    worker(COUNTERS_TABLE="gone")
    assert pipe.end(pipe.start("exit", "0"))["status"] == "SUCCEEDED"
    until(lambda: '"event": "worker_heartbeat_failed", "error": "ResourceNotFoundException"' in logged(tmp_path))
