"""Builds the Lambda layer from locked wheels, for the runtime that the template declares."""

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

from infra.paths import ROOT

UV = Path(sys.prefix) / "bin" / "uv"
LOCK = ROOT / "infra" / "locks" / "layer.txt"
LIBRARY = ROOT / "layers" / "python"

_INSTALL_TIMEOUT_SECONDS = 600  # includes downloads
_ELF_MACHINES = {0x3E: "x86_64", 0xB7: "aarch64"}
# Of Chalice only the runtime is used: these files, which need only the standard library. Its other files and its
# requirements are a command line that this project does not use.
_CHALICE_RUNTIME = {"__init__.py", "app.py", "py.typed"}
_KEPT_METADATA_PREFIXES = ("METADATA", "LICEN", "NOTICE", "COPYING", "licenses")


class PackageError(Exception):
    """The package would not work; the message names the fix."""


@dataclass(frozen=True)
class TargetPlatform:
    """Where the wheels will run. Without `machine`: on this machine, under `interpreter`."""

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


def build(target: TargetPlatform, layer: Path) -> None:
    """Fills the folder `layer`, which Lambda unpacks under /opt. All files are in its folder `python`."""
    site = layer / "python"
    _install(target, site)
    prune(site, required_distributions(site, _direct_requirements(), target.markers()))
    copy_code(LIBRARY, site)


def copy_code(source: Path, into: Path) -> None:
    """Copies a folder of source code without tests and bytecode."""
    shutil.copytree(source, into, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "*.pyc", "tests"))


def required_distributions(site: Path, roots: Iterable[str], markers: Mapping[str, str]) -> set[str]:
    """The names of the installed distributions that the requirements `roots` need, directly or not.

    The requirements of Chalice are ignored. Raises PackageError if a distribution is missing.
    """
    installed = _installed_distributions(site)
    seen: set[tuple[str, str]] = set()  # name and extra
    pending = [Requirement(root) for root in roots]
    while pending:
        requirement = pending.pop()
        name = canonicalize_name(requirement.name)
        if name not in installed:
            raise PackageError(f"{LOCK.name} lacks {name}; run `make lock`")
        for extra in {"", *requirement.extras} - {seen_extra for seen_name, seen_extra in seen if seen_name == name}:
            seen.add((name, extra))
            if name != "chalice":
                pending += _active_requirements(installed[name], dict(markers) | {"extra": extra})
    return {name for name, _ in seen}


def prune(site: Path, names: set[str]) -> None:
    """Removes the distributions that are not in `names`, and the files of the others that are never used."""
    for name, distribution in _installed_distributions(site).items():
        if name not in names:
            for file in distribution.files or []:
                if ".." not in file.parts:  # the recorded path of a script may be outside the folder
                    (site / file).unlink(missing_ok=True)
    for path in _unused_files(site):
        _remove(path)
    _remove_empty_folders(site)


def check_shared_objects(site: Path, target: TargetPlatform) -> int:
    """Reads the header of every shared object and returns their number.

    Raises PackageError if one is for another processor or another version of Python.
    """
    shared_objects = sorted(path for path in site.rglob("*.so*") if path.is_file())
    for path in shared_objects:
        machine = elf_machine(path)
        if machine != target.machine:
            raise PackageError(
                f"{path.name} is for {machine}, not {target.machine}; the tag of its wheel is wrong, pin another"
            )
        if "cpython-" in path.name and f"cpython-{target.python.replace('.', '')}-" not in path.name:
            raise PackageError(f"{path.name} is not for Python {target.python}; run `make lock`")
    return len(shared_objects)


def elf_machine(path: Path) -> str:
    """The processor of a shared object: `x86_64`, `aarch64`, or the number in its header in hexadecimal."""
    header = path.read_bytes()[:20]
    if header[:4] != b"\x7fELF":
        return "no ELF file"
    number = int.from_bytes(header[18:20], "little")
    return _ELF_MACHINES.get(number, hex(number))


def _install(target: TargetPlatform, site: Path) -> None:
    command = [str(UV), "pip", "install", "--quiet", "--target", str(site), "--no-deps", "--only-binary", ":all:"]
    command += ["--require-hashes", "--link-mode", "copy", "--requirement", str(LOCK), *target.uv_flags()]
    result = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_SECONDS, check=False)
    if result.returncode:
        raise PackageError(
            f"the wheels of {LOCK.name} for Python {target.python} cannot be installed: {result.stderr.strip()}"
        )


def _direct_requirements() -> list[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    dependencies: list[str] = project["project"]["dependencies"]
    return dependencies


def _installed_distributions(site: Path) -> dict[str, Distribution]:
    return {str(canonicalize_name(installed.name)): installed for installed in distributions(path=[str(site)])}


def _active_requirements(distribution: Distribution, markers: dict[str, str]) -> list[Requirement]:
    """The requirements whose marker is true."""
    requirements = [Requirement(line) for line in distribution.requires or []]
    return [each for each in requirements if each.marker is None or each.marker.evaluate(markers)]


def _unused_files(site: Path) -> list[Path]:
    paths = [*site.rglob("__pycache__"), *site.rglob("tests"), site / "bin"]
    paths += [path for path in site.glob("chalice/*") if path.name not in _CHALICE_RUNTIME]
    return paths + [path for path in site.glob("*.dist-info/*") if not path.name.startswith(_KEPT_METADATA_PREFIXES)]


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def _remove_empty_folders(folder: Path) -> None:
    for path in sorted(folder.rglob("*"), reverse=True):
        if path.is_dir() and not any(path.iterdir()):
            path.rmdir()
