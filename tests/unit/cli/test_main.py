"""The command as a process: how it ends where its output has no room, and while it is being loaded."""

import subprocess
import sys
from pathlib import Path

import pytest

from infra.paths import ROOT
from tests.unit.cli.conftest import FakeApi

COMMAND = [sys.executable, "-c", "from infra.cli.main import app; app()"]


@pytest.mark.parametrize("arguments", [["--help"], ["list", "--help"], ["models", "list"], ["export"]])
def test_a_full_disk_is_one_line(api: FakeApi, arguments: list[str]) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run([*COMMAND, *arguments], stdout=full, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    told = "error: The output cannot be written: no space left on device.\n"
    assert (done.returncode, done.stderr) == (1, told)


def test_a_reader_that_has_enough_is_no_error() -> None:
    with subprocess.Popen(
        [*COMMAND, "models", "list"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=ROOT
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""


def test_what_is_no_folder_is_wrong_use(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    done = subprocess.run(
        [*COMMAND, "models", "pull", "base", "--into", str(file / "below")], capture_output=True, text=True, cwd=ROOT
    )
    assert (done.returncode, done.stderr) == (2, f"error: {file / 'below'}: not a directory.\n")


def test_ctrl_c_while_it_loads_ends_without_a_word() -> None:
    code = (
        "import signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        "        if name == 'typer':\n"
        "            signal.raise_signal(signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "import infra.cli.main\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "")


def test_once_it_is_loaded_ctrl_c_is_the_commands() -> None:
    code = (
        "import signal\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "import infra.cli.main\n"
        "assert signal.getsignal(signal.SIGINT) is signal.default_int_handler\n"
    )
    assert subprocess.run([sys.executable, "-c", code], cwd=ROOT).returncode == 0
