"""Starts and stops a local stack: MiniStack, template.yaml in it, a worker, and a key to try it with."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from infra.local import checks, deploy, emulator, processes, restart
from infra.local.deploy import Deployed
from infra.local.errors import StackError
from infra.local.home import MODELS, ROOT, Home, read_json, write_json

DEFAULT_PORT = 4566
MODEL = "base"
KEY_LIMIT = 10_000  # requests a minute: trying things out is not throttled
KEY_SECONDS = 30.0
WORKER_SECONDS = 20.0
LOST = "the stack was killed, and what it was told in its last seconds may be lost: end it with `mediajobs down`"


@dataclass(frozen=True)
class Stack:
    api_url: str
    ws_url: str | None
    api_key: str | None
    endpoint_url: str
    region: str
    home: str
    port: int
    activity: str
    outputs: dict[str, str]
    processes: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)  # what came of the stop before this start

    @property
    def document(self) -> dict[str, Any]:
        """As it is written to stack.json: the template's outputs stand beside the rest, as jobs_table and so on."""
        rest = asdict(self)
        return {**rest.pop("outputs"), **rest}

    @property
    def environment(self) -> dict[str, str]:
        """What functions and tasks find in their environment, for a child process: JOBS_TABLE, AWS_ENDPOINT_URL, …"""
        return _environment(self.endpoint_url, self.outputs)


FIELDS = {entry.name for entry in fields(Stack)}


def up(
    port: int | None = None,
    home: Path = ROOT / ".local",
    *,
    say: Callable[[str], None] = lambda _: None,
    template: Path = ROOT / "template.yaml",
    model: str | None = MODEL,
    module: str = "statemachine.tasks",
) -> Stack:
    """Starts the stack, or brings a running one up to date with the code. Port 0 is any free one.

    Raises StackError. Whatever breaks the start, Ctrl-C as well, leaves no process behind.
    """
    place = Home(home)
    with place.locked():
        checks.ready(place.path)
        if model:
            checks.model(model, say)
        running = _running(place)
        if running is not None:
            _refuse_other_port(running, port, place)
            return _bring_up_to_date(place, running, template, module, say)
        with _cleaned_up(place):
            return _start(place, _port(port), template, module, say)


def down(home: Path = ROOT / ".local") -> bool:
    """Ends every process of the stack; harmless when there is none. Jobs, keys and files stay for the next `up`."""
    place = Home(home)
    if not place.path.exists():
        return False
    with place.locked():
        was_up = bool(read_json(place.stack_file) or processes.left(place))
        processes.stop_all(place)
        place.stack_file.unlink(missing_ok=True)
        place.sweep()
    return was_up


def status(home: Path = ROOT / ".local") -> Stack | None:
    """The stack, if it runs."""
    place = Home(home)
    return _saved(place) if _running(place) is not None else None


def usage(stack: Stack) -> str:
    """How to go on, to be pasted into a shell."""
    lines = [f"note: {remark}\n" for remark in stack.remarks]
    lines.append(f"API        {stack.api_url}")
    if stack.ws_url:
        lines.append(f"WebSocket  {stack.ws_url}")
    lines += [
        f"AWS        {stack.endpoint_url} (region {stack.region})",
        f"details    {Home(Path(stack.home)).stack_file}",
        "",
        f"curl -H 'X-API-Key: {stack.api_key}' -H 'Content-Type: application/json' \\",
        f'  -d \'{{"filename": "video.mp4"}}\' {stack.api_url}/jobs',
    ]
    return "\n".join(lines)


def _start(place: Home, port: int, template: Path, module: str, say: Callable[[str], None]) -> Stack:
    say(f"starting MiniStack on port {port}")
    remarks = [LOST] if place.open_mark.exists() else []
    before = datetime.now(UTC).replace(microsecond=0)
    emulator.start(place, port)
    session = emulator.session(emulator.endpoint(port))
    deploy.forget_activity(session)
    stack = _deploy(place, port, template, module, say)
    if broken := restart.announce(session, before):
        remarks.append(f"running jobs that did not survive the restart: {broken}; they are failed, and can be retried")
    stack = replace(stack, remarks=remarks)
    write_json(place.stack_file, stack.document)
    return stack


def _bring_up_to_date(place: Home, running: Stack, template: Path, module: str, say: Callable[[str], None]) -> Stack:
    say(f"already up: {running.api_url}; bringing it up to date")
    return _deploy(place, running.port, template, module, say)


def _deploy(place: Home, port: int, template: Path, module: str, say: Callable[[str], None]) -> Stack:
    say(f"deploying {template.name}")
    url = emulator.endpoint(port)
    deployed = deploy.deploy(emulator.session(url), template)
    outputs = _outputs(deployed)
    environment = _environment(url, outputs)
    with _worker_started(place, outputs, environment, deployed.activity, module):
        key = _key(place, environment) if "keys_table" in outputs else None
    stack = Stack(
        api_url=_api_url(port, deployed),
        ws_url=_ws_url(port, deployed),
        api_key=key,
        endpoint_url=url,
        region=emulator.REGION,
        home=str(place.path),
        port=port,
        activity=deployed.activity,
        outputs=outputs,
        processes=read_json(place.processes_file),
    )
    write_json(place.stack_file, stack.document)
    return stack


@contextmanager
def _worker_started(
    place: Home, outputs: dict[str, str], environment: dict[str, str], activity: str, module: str
) -> Iterator[None]:
    """Something else can be done while it starts; afterwards it polls.

    One that runs is kept if it would be the same: each task brings the newest code anyhow, and goes on undisturbed.
    """
    arguments = ["--activity", activity, "--claims", str(place.claims), "--module", module]
    version = _version(outputs, arguments)
    if processes.version(place, "worker") == version:
        yield
        return
    processes.stop(place, "worker")
    environment = {**environment, "TMPDIR": str(place.temporary)}
    processes.start(place, "worker", ["statemachine.worker", *arguments], environment, version)
    yield
    log = processes.log_file(place, "worker")
    processes.wait_until(place, "worker", lambda: '"event": "polling"' in log.read_text(), WORKER_SECONDS)


def _version(*told: object) -> str:
    """Changes with what a worker is told and with its code."""
    words = json.dumps(told, sort_keys=True).encode()
    code = b"".join(path.read_bytes() for path in sorted((ROOT / "statemachine" / "worker").glob("*.py")))
    return hashlib.sha256(words + code).hexdigest()


def _key(place: Home, environment: dict[str, str]) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "infra.local.demo_key", str(place.key_file), str(KEY_LIMIT)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=KEY_SECONDS,
        check=False,
    )
    if done.returncode:
        raise StackError(f"no API key could be made: {done.stderr.strip()[-500:]}")
    return done.stdout


def _environment(url: str, outputs: dict[str, str]) -> dict[str, str]:
    named = {name.upper(): value for name, value in outputs.items()}
    return {**emulator.client_environment(url), **named, "MODELS_DIR": str(MODELS)}


def _outputs(deployed: Deployed) -> dict[str, str]:
    """JobsTable is jobs_table in stack.json and JOBS_TABLE in the environment. ApiUrl is AWS's: ours is another."""
    named = {re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower(): value for name, value in deployed.outputs.items()}
    return {name: value for name, value in named.items() if name not in FIELDS}


def _api_url(port: int, deployed: Deployed) -> str:
    apis = deployed.resources.get("AWS::ApiGateway::RestApi", [""])
    stages = deployed.resources.get("AWS::ApiGateway::Stage", ["local"])
    return f"{emulator.endpoint(port)}/restapis/{apis[0]}/{stages[0]}/_user_request_"


def _ws_url(port: int, deployed: Deployed) -> str | None:
    apis = deployed.resources.get("AWS::ApiGatewayV2::Api")
    stages = deployed.resources.get("AWS::ApiGatewayV2::Stage", ["local"])
    return f"ws://127.0.0.1:{port}/_aws/execute-api/{apis[0]}/{stages[0]}" if apis else None


def _running(place: Home) -> Stack | None:
    """The stack whose MiniStack is alive and answers."""
    saved = _saved(place)
    if saved is None or processes.running(place, "ministack") is None:
        return None
    return saved if emulator.answers(saved.port) else None


def _saved(place: Home) -> Stack | None:
    saved = read_json(place.stack_file)
    if not saved:
        return None
    known = {name: value for name, value in saved.items() if name in FIELDS}
    return Stack(**known, outputs={name: value for name, value in saved.items() if name not in FIELDS})


def _port(port: int | None) -> int:
    return checks.free_port(int(os.environ.get("MEDIAJOBS_PORT", DEFAULT_PORT)) if port is None else port)


def _refuse_other_port(running: Stack, port: int | None, place: Home) -> None:
    if port not in (None, 0, running.port):
        raise StackError(f"the stack in {place.path} is already up on port {running.port}: run `mediajobs down` first")


@contextmanager
def _cleaned_up(place: Home) -> Iterator[None]:
    """A start that fails or is interrupted takes back what it started."""
    processes.stop_all(place)  # what a crash left behind
    place.stack_file.unlink(missing_ok=True)
    place.sweep()
    place.make()
    with _terminated_like_interrupted():
        try:
            yield
        except BaseException:  # Ctrl-C as well; raised again at once
            processes.stop_all(place)
            raise


@contextmanager
def _terminated_like_interrupted() -> Iterator[None]:
    """SIGTERM and SIGHUP would end Python without a clean-up. Only the main thread may change that."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {each: signal.signal(each, signal.default_int_handler) for each in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
