"""The start script of the hosts, and the firewall that it sets up for the tasks' user."""

import email
import json
import os
import re
import shutil
import subprocess
import sys
from email.message import Message
from pathlib import Path

import pytest

from infra import templates
from infra.paths import ROOT
from tests.support import task_host
from tests.support.waiting import HANG_SECONDS

DOCKERFILE = ROOT / "statemachine" / "tasks" / "Dockerfile"
TASK_UID = 10001
NETWORK_TOOLS = ("unshare", "ip", "iptables", "ip6tables")


def parts() -> dict[str, str]:
    """The content of each part of the user data, by its type."""
    compute = templates.load(ROOT / "infra" / "compute.yaml")
    data = compute["Resources"]["HostTemplate"]["Properties"]["LaunchTemplateData"]["UserData"]["Fn::Base64"]
    message = email.message_from_string(data)
    assert message.is_multipart()
    assert not message.defects
    found = message.get_payload()
    assert isinstance(found, list)
    return {part.get_content_type(): str(part.get_payload()) for part in found if isinstance(part, Message)}


@pytest.fixture
def boothook() -> str:
    return parts()["text/cloud-boothook"]


def test_its_parts_are_what_cloud_init_knows_and_the_shell_reads() -> None:
    assert [*parts()] == ["text/cloud-boothook", "text/x-shellscript"]  # the first one runs before Docker
    for text in parts().values():
        assert text.startswith("#!/bin/bash\n")
        done = subprocess.run(["bash", "-n"], input=text, capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, "")


def test_the_firewall_is_for_the_user_of_the_image(boothook: str) -> None:
    assert re.search(rf"useradd --uid {TASK_UID} ", DOCKERFILE.read_text())
    assert set(re.findall(r"--uid-owner (\d+)", boothook)) == {str(TASK_UID)}


def test_a_host_whose_firewall_fails_runs_no_task(boothook: str, tmp_path: Path) -> None:
    for broken in ("iptables", "ip6tables"):
        ran = run_with_stubs(boothook, tmp_path / broken, broken)
        assert "systemctl mask --now ecs.service docker.service docker.socket" in ran
        assert ran[-1] == "systemctl poweroff --force"


def test_a_second_boot_sets_it_up_again(boothook: str, tmp_path: Path) -> None:
    ran = run_with_stubs(boothook, tmp_path, None)
    assert not [line for line in ran if line.startswith("systemctl")]
    assert len([line for line in ran if "-j REJECT" in line]) == 7


def run_with_stubs(script: str, folder: Path, broken: str | None) -> list[str]:
    """The commands that the script runs where all succeed, or all those of one tool fail."""
    folder.mkdir(exist_ok=True)
    log = folder / "log"
    for name in ("iptables", "ip6tables", "systemctl"):
        stub = folder / name
        stub.write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\nexit {int(name == broken)}\n')
        stub.chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    subprocess.run(["bash"], input=script, text=True, env={"PATH": path}, check=False)
    return log.read_text().splitlines()


def has_network_namespaces() -> bool:
    if os.geteuid() != 0 or not all(shutil.which(tool) for tool in NETWORK_TOOLS):
        return False
    probe = "iptables -w -A OUTPUT -m owner --uid-owner 1 -m addrtype --dst-type LOCAL -j REJECT"
    done = subprocess.run(["unshare", "-n", "sh", "-c", probe], capture_output=True, check=False)
    return done.returncode == 0


@pytest.fixture(scope="module")
def reached(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, bool]]:
    """For each user, by id: which of the listeners it reaches, in a network namespace with a host's addresses."""
    if not has_network_namespaces():
        pytest.skip("needs root, network namespaces, iptables and ip")
    script = tmp_path_factory.mktemp("hosts") / "boothook"
    script.write_text(parts()["text/cloud-boothook"])
    done = subprocess.run(
        ["unshare", "-n", sys.executable, "-m", task_host.__name__, str(script), str(TASK_UID)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, dict[str, bool]] = json.loads(done.stdout)
    return found


def test_a_task_reaches_what_it_needs_and_not_the_credentials_of_its_host(reached: dict[str, dict[str, bool]]) -> None:
    assert reached[str(TASK_UID)] == {
        f"{address} {port}": is_open for (address, port), is_open in task_host.LISTENERS.items()
    }


def test_the_host_itself_reaches_everything(reached: dict[str, dict[str, bool]]) -> None:
    assert set(reached["0"].values()) == {True}
