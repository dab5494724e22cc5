"""Starts and stops a local stack: MiniStack with template.yaml deployed into it, a worker, and an API key."""

import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from infra.local import deployment, emulator, interrupted_executions, preflight_checks, processes
from infra.local.deployment import Deployment
from infra.local.ports import free_port
from infra.local.private_files import read_json, write_json
from infra.local.stack_error import StackError
from infra.local.stack_folder import StackFolder
from infra.local.stack_info import FIELDS, Stack, environment_of, read_stack
from infra.local.worker_process import worker_started
from infra.paths import ROOT

DEFAULT_PORT = 4566
DEFAULT_FOLDER = ROOT / ".local"
DEFAULT_MODEL = "base"
KEY_REQUESTS_PER_MINUTE = 10_000  # so high that a user who tries things out is not throttled
KEY_TIMEOUT_SECONDS = 30.0
KILLED_REMARK = "the stack was killed, so changes of its last seconds may be lost: stop it with `mediajobs down`"


@dataclass(frozen=True)
class _Options:
    """What is deployed, and where its progress is reported."""

    template: Path
    module: str  # the Python module that runs tasks
    say: Callable[[str], None]


def up(
    port: int | None = None,
    home: Path = DEFAULT_FOLDER,
    *,
    say: Callable[[str], None] = lambda _: None,
    template: Path = ROOT / "template.yaml",
    model: str | None = DEFAULT_MODEL,
    module: str = "statemachine.tasks.launcher",
) -> Stack:
    """Starts the stack, or updates a running one to the current code. Port 0 is any free port.

    Raises StackError. If the start fails or is interrupted, no process is left.
    """
    folder, options = StackFolder(home), _Options(template, module, say)
    with folder.lock():
        preflight_checks.check_machine(folder.path)
        if model:
            preflight_checks.download_model(model, say)
        running = _running_stack(folder)
        if running is not None:
            _check_same_port(running, port, folder)
            say(f"already up: {running.api_url}; bringing it up to date")
            return _deploy(folder, running.port, options)
        with _cleanup_on_failure(folder):
            return _start(folder, _choose_port(port), options)


def down(home: Path = DEFAULT_FOLDER) -> bool:
    """Ends every process of the stack. Jobs, keys and files stay for the next `up`. Returns whether it was running."""
    folder = StackFolder(home)
    if not folder.path.exists():
        return False
    with folder.lock():
        was_up = bool(read_json(folder.stack_file) or processes.process_ids(folder))
        processes.stop_all(folder)
        folder.stack_file.unlink(missing_ok=True)
        folder.remove_temporary_files()
    return was_up


def status(home: Path = DEFAULT_FOLDER) -> Stack | None:
    """The stack if it runs, else None."""
    return _running_stack(StackFolder(home))


def _start(folder: StackFolder, port: int, options: _Options) -> Stack:
    options.say(f"starting MiniStack on port {port}")
    remarks = [KILLED_REMARK] if folder.running_marker.exists() else []
    started_at = datetime.now(UTC).replace(microsecond=0)
    emulator.start(folder, port)
    session = emulator.session(emulator.endpoint(port))
    deployment.delete_activities(session)
    stack = _deploy(folder, port, options)
    if count := interrupted_executions.report_failed_since(session, started_at):
        remarks.append(f"running jobs that did not survive the restart: {count}; they are failed, and can be retried")
    stack = replace(stack, remarks=remarks)
    write_json(folder.stack_file, stack.document)
    return stack


def _deploy(folder: StackFolder, port: int, options: _Options) -> Stack:
    options.say(f"deploying {options.template.name}")
    url = emulator.endpoint(port)
    deployed = deployment.deploy(emulator.session(url), options.template)
    outputs = _outputs(deployed)
    environment = environment_of(url, outputs)
    with worker_started(folder, outputs, environment, deployed.activity, options.module):
        key = _api_key(folder, environment) if "api_keys_table" in outputs else None
    stack = Stack(
        api_url=_api_url(port, deployed),
        ws_url=_ws_url(port, deployed),
        api_key=key,
        endpoint_url=url,
        region=emulator.REGION,
        home=str(folder.path),
        port=port,
        activity=deployed.activity,
        outputs=outputs,
        processes=read_json(folder.processes_file),
    )
    write_json(folder.stack_file, stack.document)
    return stack


def _api_key(folder: StackFolder, environment: dict[str, str]) -> str:
    result = subprocess.run(
        [sys.executable, "-m", "infra.local.demo_key", str(folder.key_file), str(KEY_REQUESTS_PER_MINUTE)],
        env=environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=KEY_TIMEOUT_SECONDS,
        check=False,
    )
    if result.returncode:
        raise StackError(f"no API key could be made: {result.stderr.strip()[-500:]}")
    return result.stdout


def _outputs(deployed: Deployment) -> dict[str, str]:
    """The template's outputs in snake case: JobsTable as jobs_table.

    Outputs with the name of a field of Stack are left out: ApiUrl is an address at AWS, not of the local stack.
    """
    outputs = {re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower(): value for name, value in deployed.outputs.items()}
    return {name: value for name, value in outputs.items() if name not in FIELDS}


def _api_url(port: int, deployed: Deployment) -> str:
    apis = deployed.resources.get("AWS::ApiGateway::RestApi", [""])
    stages = deployed.resources.get("AWS::ApiGateway::Stage", ["local"])
    return f"{emulator.endpoint(port)}/restapis/{apis[0]}/{stages[0]}/_user_request_"


def _ws_url(port: int, deployed: Deployment) -> str | None:
    apis = deployed.resources.get("AWS::ApiGatewayV2::Api")
    stages = deployed.resources.get("AWS::ApiGatewayV2::Stage", ["local"])
    return f"ws://127.0.0.1:{port}/_aws/execute-api/{apis[0]}/{stages[0]}" if apis else None


def _running_stack(folder: StackFolder) -> Stack | None:
    """The stack if its MiniStack is alive and ready, else None."""
    saved = read_stack(folder)
    if saved is None or processes.running_pid(folder, "ministack") is None:
        return None
    return saved if emulator.is_ready(saved.port) else None


def _choose_port(port: int | None) -> int:
    return free_port(int(os.environ.get("MEDIAJOBS_PORT", DEFAULT_PORT)) if port is None else port)


def _check_same_port(running: Stack, port: int | None, folder: StackFolder) -> None:
    if port not in (None, 0, running.port):
        raise StackError(f"the stack in {folder.path} is already up on port {running.port}: run `mediajobs down` first")


@contextmanager
def _cleanup_on_failure(folder: StackFolder) -> Iterator[None]:
    """Prepares the folder for a start, and stops all processes if the start fails or is interrupted."""
    processes.stop_all(folder)  # those that a crash left
    folder.stack_file.unlink(missing_ok=True)
    folder.remove_temporary_files()
    folder.create()
    with _signals_interrupt():
        try:
            yield
        except BaseException:  # KeyboardInterrupt as well; raised again
            processes.stop_all(folder)
            raise


@contextmanager
def _signals_interrupt() -> Iterator[None]:
    """SIGTERM and SIGHUP raise KeyboardInterrupt: by default they end Python without cleanup.

    Python allows only the main thread to set signal handlers.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGTERM, signal.SIGHUP)
    handlers = {number: signal.signal(number, signal.default_int_handler) for number in numbers}
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
