"""Puts the Lambda layer together from locked wheels: for the runtime that is declared, not for the Python at hand."""

import platform
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import Distribution, distributions
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from infra.templates import ROOT

UV = Path(sys.prefix) / "bin" / "uv"
LOCK = ROOT / "infra" / "locks" / "layer.txt"
LIBRARY = ROOT / "layers" / "python"

_INSTALL_TIMEOUT = 600  # seconds, downloads included
_ELF_MACHINES = {0x3E: "x86_64", 0xB7: "aarch64"}
# Chalice is taken for its runtime: these files, which need the standard library alone. The rest of it, and all that it
# requires, is the command line that this project does not use.
_CHALICE_RUNTIME = {"__init__.py", "app.py", "py.typed"}
_KEPT_METADATA = ("METADATA", "LICEN", "NOTICE", "COPYING", "licenses")


class PackageError(Exception):
    """What would be uploaded is not right; the message names the cure."""


@dataclass(frozen=True)
class Target:
    """Where the wheels will run. Without `machine`: on this one, under `interpreter`."""

    python: str  # "3.12"
    machine: str | None = None  # "aarch64" | "x86_64"
    interpreter: str = sys.executable

    def uv_flags(self) -> list[str]:
        if self.machine is None:
            return ["--python", self.interpreter]
        return ["--python-platform", f"{self.machine}-manylinux2014", "--python-version", self.python]

    def markers(self) -> dict[str, str]:
        return {
            "python_version": self.python,
            "python_full_version": f"{self.python}.0",
            "platform_machine": self.machine or platform.machine(),
            "sys_platform": "linux",
            "platform_system": "Linux",
            "os_name": "posix",
            "implementation_name": "cpython",
            "platform_python_implementation": "CPython",
        }


def build(target: Target, layer: Path) -> None:
    """Fills the folder `layer` as Lambda unpacks it under /opt: everything lies in `python/`."""
    site = layer / "python"
    _install(target, site)
    prune(site, needed(site, _roots(), target.markers()))
    copy_code(LIBRARY, site)


def copy_code(source: Path, into: Path) -> None:
    """A folder of ours, without what tests and interpreters leave in it."""
    shutil.copytree(source, into, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "tests"))


def needed(site: Path, roots: Iterable[str], markers: Mapping[str, str]) -> set[str]:
    """Which of the installed distributions the requirements `roots` lead to. Chalice leads to nothing."""
    installed = _installed(site)
    seen: set[tuple[str, str]] = set()
    ahead = [Requirement(root) for root in roots]
    while ahead:
        requirement = ahead.pop()
        name = canonicalize_name(requirement.name)
        if name not in installed:
            raise PackageError(f"{LOCK.name} lacks {name}; run `make lock`")
        for extra in {"", *requirement.extras} - {known for owner, known in seen if owner == name}:
            seen.add((name, extra))
            if name != "chalice":
                ahead += _requirements(installed[name], dict(markers) | {"extra": extra})
    return {name for name, _ in seen}


def prune(site: Path, names: set[str]) -> None:
    """Removes the distributions that are not among `names`, and of the others what never runs."""
    for name, distribution in _installed(site).items():
        if name not in names:
            for file in distribution.files or []:
                if ".." not in file.parts:  # a script's record may lead out of the folder
                    (site / file).unlink(missing_ok=True)
    for path in _never_run(site):
        _remove(path)
    _remove_empty(site)


def check_natives(site: Path, target: Target) -> int:
    """Reads the header of every shared object; returns how many. Raises PackageError for one of another processor."""
    natives = sorted(path for path in site.rglob("*.so*") if path.is_file())
    for path in natives:
        machine = elf_machine(path)
        if machine != target.machine:
            raise PackageError(f"{path.name} is for {machine}, not {target.machine}; its wheel's tag lies, pin another")
        if "cpython-" in path.name and f"cpython-{target.python.replace('.', '')}-" not in path.name:
            raise PackageError(f"{path.name} is not for Python {target.python}; run `make lock`")
    return len(natives)


def elf_machine(path: Path) -> str:
    """The processor a shared object is for: `x86_64`, `aarch64`, or the number in its header."""
    header = path.read_bytes()[:20]
    if header[:4] != b"\x7fELF":
        return "no ELF file"
    number = int.from_bytes(header[18:20], "little")
    return _ELF_MACHINES.get(number, hex(number))


def _install(target: Target, site: Path) -> None:
    command = [str(UV), "pip", "install", "--quiet", "--target", str(site), "--no-deps", "--only-binary", ":all:"]
    command += ["--require-hashes", "--link-mode", "copy", "--requirement", str(LOCK), *target.uv_flags()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT, check=False)
    if done.returncode:
        raise PackageError(f"the wheels of {LOCK.name} for Python {target.python} cannot be had: {done.stderr.strip()}")


def _roots() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    roots: list[str] = project["project"]["dependencies"]
    return roots


def _installed(site: Path) -> dict[str, Distribution]:
    return {str(canonicalize_name(found.name)): found for found in distributions(path=[str(site)])}


def _requirements(distribution: Distribution, markers: dict[str, str]) -> list[Requirement]:
    every = [Requirement(line) for line in distribution.requires or []]
    return [one for one in every if one.marker is None or one.marker.evaluate(markers)]


def _never_run(site: Path) -> list[Path]:
    paths = [*site.rglob("__pycache__"), *site.rglob("tests"), site / "bin"]
    paths += [path for path in site.glob("chalice/*") if path.name not in _CHALICE_RUNTIME]
    return paths + [path for path in site.glob("*.dist-info/*") if not path.name.startswith(_KEPT_METADATA)]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_empty(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
