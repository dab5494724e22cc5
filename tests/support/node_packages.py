"""The pinned npm packages of tests/npm, installed below .local/ for tests with Node.js."""

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.template import ROOT
from tests.support.waiting import HANG_SECONDS

_SOURCE = ROOT / "tests" / "npm"
_FOLDER = ROOT / ".local" / "npm"
_INSTALL = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel", "error"]


def folder() -> Path:
    """Where the packages and the scripts of tests/npm are. Skips the test where they cannot be had."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("needs Node.js with npm: apt-get install nodejs npm")
    _FOLDER.mkdir(parents=True, exist_ok=True)
    installed, wanted = _FOLDER / "installed-lock.json", (_SOURCE / "package-lock.json").read_text()
    for file in _SOURCE.iterdir():
        shutil.copy(file, _FOLDER)
    if not installed.exists() or installed.read_text() != wanted:
        try:
            subprocess.run(_INSTALL, cwd=_FOLDER, check=True, timeout=HANG_SECONDS, capture_output=True)
        except subprocess.SubprocessError:
            pytest.skip("the npm registry cannot be reached from here")
        installed.write_text(wanted)
    return _FOLDER
