"""Runs tests in a process whose library has one rendition more: a copy, with one more line in the table of outputs."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

from tests.support.template import ROOT

_LIBRARY = ROOT / "layers" / "python" / "mediajobs"
_END_OF_THE_TABLE = "\n    )\n}\n"


def run(tests: Path, rung: str, folder: Path) -> None:
    """`tests` is a file of them, which pytest does not collect by itself; `rung` is the entry as Python."""
    copy = shutil.copytree(_LIBRARY, folder / "mediajobs", ignore=shutil.ignore_patterns("__pycache__"))
    table = copy / "media" / "renditions.py"
    text = table.read_text()
    assert text.count(_END_OF_THE_TABLE) == 1
    table.write_text(text.replace(_END_OF_THE_TABLE, f"\n        {rung},{_END_OF_THE_TABLE}"))
    of_xdist = ("PYTEST_XDIST_", "PYTEST_CURRENT_TEST")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(of_xdist)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", str(tests)],
        cwd=ROOT,
        env=environment | {"PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
