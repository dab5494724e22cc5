"""Whoever owns ffmpeg, or a decoder, reaches nothing: the attacker runs in its place, started by the real runner."""

import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from mediajobs.errors import JobError
from statemachine.tasks import process_runner, sandbox
from statemachine.tasks.process_runner import Child
from statemachine.tasks.sandbox import ProcessLimits, Sandbox
from tests.security import attacker
from tests.support.waiting import HANG_SECONDS

LIMITS = ProcessLimits(cpu_seconds=60, memory_bytes=4 << 30, file_bytes=1 << 20)
SECRET = "AKIAVICTIM"
# A task: it holds credentials, and cannot be inspected.
TASK = """
import sys
from statemachine import process_control
process_control.forbid_inspection()
print("ready", flush=True)
sys.stdin.read()
"""
# A decoder that its source has taken over as soon as it read the first byte.
DECODER = """
import json, sys
from tests.security import attacker
from statemachine.tasks import confinement
request = json.loads(sys.argv[1])
confinement.enter(confinement.Confinement(**json.loads(sys.argv[2])))
attacker.main(request["targets"], request["report"])
"""

if missing := sandbox.missing():
    pytest.skip(f"this machine has no {' and no '.join(missing)}", allow_module_level=True)


@pytest.fixture
def targets(tmp_path: Path) -> Iterator[attacker.Targets]:
    """What there is to reach: another job's file, a task with credentials, local services."""
    folder, other = tmp_path / "own", tmp_path / "other"
    folder.mkdir()
    other.write_text(SECRET)
    environment = os.environ | {"AWS_SECRET_ACCESS_KEY": SECRET}
    with (
        subprocess.Popen(
            [sys.executable, "-c", TASK], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as victim,
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.socket(socket.AF_UNIX) as local,
        socket.socket(socket.AF_UNIX) as abstract,
    ):
        assert victim.stdout is not None
        assert victim.stdout.readline() == "ready\n"
        path, name = str(tmp_path / "s"), f"mediajobs-{os.getpid()}"
        local.bind(path)
        local.listen()
        abstract.bind("\0" + name)
        abstract.listen()
        threading.Thread(target=_greet, args=(server,), daemon=True).start()
        yield {
            "secret_file": str(other),
            "victim": victim.pid,
            "folder": str(folder),
            "port": server.getsockname()[1],
            "socket": path,
            "abstract": name,
        }
        victim.communicate(timeout=HANG_SECONDS)


def _greet(server: socket.socket) -> None:
    try:
        while True:
            connection, _ = server.accept()
            connection.sendall(SECRET.encode())
            connection.close()
    except OSError:  # the test has ended
        return


# Threads that wait, each with a stack of 32 KiB, until the system has no more for anybody.
THREADS = """
import _thread, time
_thread.stack_size(1 << 15)
while True:
    try:
        _thread.start_new_thread(time.sleep, (1000,))
    except RuntimeError:
        time.sleep(0.01)
"""


def report_of(command: list[str], confined: Sandbox, targets: attacker.Targets, *, in_request: bool) -> list[str]:
    """The lines that the attacker writes."""
    output = bytearray()

    def build(ends: Any) -> list[str]:
        if in_request:
            return [*command, json.dumps({"targets": targets, "report": ends["report"]})]
        return [*command, json.dumps(targets), str(ends["report"])]

    child = Child("attacker", build, confined, writes=("report",))
    process_runner.run([child], {"report": output.extend}, stall_seconds=HANG_SECONDS)
    return output.decode().splitlines()


def in_place_of_ffmpeg(targets: attacker.Targets) -> list[str]:
    source = Path(attacker.__file__).read_text()
    folder = Path(targets["folder"])
    return report_of([sys.executable, "-I", "-S", "-c", source], Sandbox(LIMITS, folder), targets, in_request=False)


def in_a_decoder(targets: attacker.Targets) -> list[str]:
    confined = Sandbox(LIMITS, Path(targets["folder"]), enters_itself=True)
    return report_of([sys.executable, "-c", DECODER], confined, targets, in_request=True)


@pytest.fixture
def python_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    """The attacker is a Python program: it may read Python's own library, wherever that lies."""
    monkeypatch.setattr(sandbox, "LIBRARIES", (*sandbox.LIBRARIES, f"{sys.base_prefix}/lib"))


def without_a_sandbox(targets: attacker.Targets, report: Path) -> set[str]:
    """The names of the attacks that reach something, as the same user."""
    with report.open("wb") as file, subprocess.Popen(["sleep", "60"], env=os.environ | {"A": SECRET}) as victim:
        arguments = [json.dumps(targets | {"victim": victim.pid}), str(file.fileno())]
        command = [sys.executable, attacker.__file__, *arguments]
        subprocess.run(command, pass_fds=[file.fileno()], check=True, timeout=HANG_SECONDS)
        victim.kill()
    for process in psutil.process_iter(["cmdline"]):  # the daemon that it left
        if arguments[0] in (process.info["cmdline"] or []):
            process.kill()
    return {line.partition(":")[0] for line in report.read_text().splitlines()}


def test_without_a_sandbox_the_attacker_reaches_things(targets: attacker.Targets, tmp_path: Path) -> None:
    """The attacks are real: else the tests below would prove nothing."""
    names = without_a_sandbox(targets, tmp_path / "report")
    assert names >= {
        "environment_of_the_task", "scratch_of_another_job", "connection_to_a_local_service", "symbolic_link",
        "child_process", "daemon", "abstract_unix_socket", "signal_to_the_task", "program_in_memory",
    }  # fmt: skip


@pytest.mark.usefixtures("python_libraries")
def test_whoever_owns_ffmpeg_reaches_nothing(targets: attacker.Targets) -> None:
    assert in_place_of_ffmpeg(targets) == [f"tried {len(attacker.ATTACKS)}"]
    assert list(Path(targets["folder"]).iterdir()) == [Path(targets["folder"]) / "hidden"]


def test_whoever_owns_a_decoder_reaches_nothing(targets: attacker.Targets) -> None:
    assert in_a_decoder(targets) == [f"tried {len(attacker.ATTACKS)}"]


@pytest.mark.usefixtures("python_libraries")
def test_whoever_starts_threads_without_end_is_ended(tmp_path: Path) -> None:
    """They would use up those of the host, for which no limit of one process holds."""
    child = Child("attacker", lambda _: [sys.executable, "-I", "-S", "-c", THREADS], Sandbox(LIMITS, tmp_path))
    with pytest.raises(JobError) as caught:
        process_runner.run([child], {}, stall_seconds=HANG_SECONDS)
    assert caught.value.code == "too_expensive"
