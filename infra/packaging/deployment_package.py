"""Builds what a deployment uploads, and checks that every handler can be imported from it.

The same sources and locks give the same bytes, so that `sam deploy` finds nothing to upload.
"""

import copy
import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from infra import templates
from infra.packaging import lambda_layer
from infra.packaging.lambda_layer import UV, PackageError, TargetPlatform
from infra.paths import ROOT
from infra.templates import Resource, Template

BUILD_FOLDER = ROOT / ".build"
MAX_UNPACKED_BYTES = 250 << 20  # Lambda's limit: a function and its layers, unpacked

_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
_ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date of the zip format
_IMPORT_TIMEOUT_SECONDS = 60
_IMPORT_SCRIPT = """
import importlib, sys, time
sys.path[:0] = sys.argv[1:3]
module, _, name = sys.argv[3].rpartition(".")
start = time.perf_counter()
getattr(importlib.import_module(module), name)
print(round(1000 * (time.perf_counter() - start)))
"""


def main() -> int:
    try:
        build_package(ROOT / "template.yaml", BUILD_FOLDER)
        write_template(templates.load(ROOT / "infra" / "compute.yaml"), BUILD_FOLDER / "compute.yaml")
    except PackageError as error:
        sys.stderr.write(f"package: {error}\n")
        return 1
    return 0


def build_package(source: Path, build: Path) -> None:
    """Writes the zips and the packaged template into `build`, and a report on standard output. Raises PackageError."""
    template = templates.load(source)
    platform = declared_platform(template)
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        layer_size = _build_layer(platform, work / "layer", build)
        for folder in sorted(_code_folders(template)):
            lambda_layer.copy_code(source.parent / folder, work / Path(folder).name)
            function_size = _zip_and_report(work / Path(folder).name, build)
            if layer_size + function_size > MAX_UNPACKED_BYTES:
                raise PackageError(f"{folder} and the layer unpack to over 250 MiB; take something out of the layer")
        _import_handlers(template, platform.python, build, work)
    rewritten = rewrite_local_paths(template, source.parent, build)
    write_template(rewritten, build / "template.yaml")


def declared_platform(template: Template) -> TargetPlatform:
    """The runtime and the processor of all functions. Raises PackageError if the functions differ."""
    defaults = template.get("Globals", {}).get("Function", {})
    platforms = {
        (merged.get("Runtime"), *merged.get("Architectures", ["x86_64"]))
        for merged in (
            defaults | properties for _, properties in templates.resources(template, "AWS::Serverless::Function")
        )
    }
    if len(platforms) != 1:
        raise PackageError(
            f"the functions differ in runtime or processor ({sorted(platforms)}); declare them in Globals"
        )
    runtime, architecture = platforms.pop()
    return TargetPlatform(python=runtime.removeprefix("python"), machine=_MACHINES[architecture])


def zip_folder(folder: Path, archive: Path) -> None:
    """Zips in sorted order, without dates and with fixed permissions, so that the same files give the same bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _ZIP_EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(entry, path.read_bytes())


def rewrite_local_paths(template: Template, root: Path, build: Path) -> Template:
    """The template with local paths to the files in `build`. Copies the state machine definitions there."""
    packaged = copy.deepcopy(template)
    for _, properties in templates.resources(packaged, "AWS::Serverless::Function"):
        properties["CodeUri"] = f"./{Path(properties['CodeUri']).name}.zip"
    for _, properties in templates.resources(packaged, "AWS::Serverless::LayerVersion"):
        properties["ContentUri"] = "./layer.zip"
    for _, properties in templates.resources(packaged, "AWS::Serverless::StateMachine"):
        definition = root / properties["DefinitionUri"]
        shutil.copy(definition, build / definition.name)
        properties["DefinitionUri"] = f"./{definition.name}"
    return packaged


def write_template(template: Template, path: Path) -> None:
    """Writes the template as JSON, which is YAML without aliases: CloudFormation refuses aliases."""
    path.write_text(json.dumps(template, indent=2) + "\n")
    _report(f"deploy with {path.parent.name}/{path.name}")


def import_handler(interpreter: str, paths: tuple[Path, Path], handler: str, variables: list[str]) -> int:
    """Imports a handler in a child process that has only the layer, the function and the standard library.

    `paths` are the folders of the layer and of the function, `variables` the names of environment variables to set.
    Returns the milliseconds of the import. Raises PackageError.
    """
    environment = dict.fromkeys(variables, "value") | {"AWS_DEFAULT_REGION": templates.REGION, "PATH": os.defpath}
    command = [interpreter, "-I", "-S", "-B", "-c", _IMPORT_SCRIPT, *map(str, paths), handler]
    result = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_IMPORT_TIMEOUT_SECONDS, check=False
    )
    if result.returncode:
        last_line = result.stderr.strip().splitlines()[-1:]
        raise PackageError(f"{paths[1].name}/{handler} cannot be imported from the package: {' '.join(last_line)}")
    return int(result.stdout.split()[-1])


def _build_layer(platform: TargetPlatform, folder: Path, build: Path) -> int:
    """Builds and zips the layer. Returns its unpacked size in bytes."""
    lambda_layer.build(platform, folder)
    count = lambda_layer.check_shared_objects(folder / "python", platform)
    _report(f"layer for Python {platform.python}, {platform.machine}: {count} native modules, all for that processor")
    return _zip_and_report(folder, build)


def _import_handlers(template: Template, python: str, build: Path, work: Path) -> None:
    """Imports every handler from its zip, with wheels for the processor of this machine.

    Uses the declared version of Python if this machine has it.
    """
    interpreter = _find_interpreter(python)
    lambda_layer.build(TargetPlatform(python=python, interpreter=interpreter), work / "native")
    for folder, handler, variables in _handlers(template):
        unpacked = work / "unpacked" / folder
        with zipfile.ZipFile(build / f"{folder}.zip") as archive:
            archive.extractall(unpacked)
        milliseconds = import_handler(interpreter, (work / "native" / "python", unpacked), handler, variables)
        python_name = Path(interpreter).resolve().name
        _report(f"{folder}: {handler} imports in {milliseconds} ms, with only the layer, in {python_name}")


def _find_interpreter(python: str) -> str:
    """The path of this version of Python, or of the running interpreter if this machine does not have it."""
    command = [str(UV), "python", "find", "--no-python-downloads", "--no-project", python]
    result = subprocess.run(command, capture_output=True, text=True, timeout=_IMPORT_TIMEOUT_SECONDS, check=False)
    return result.stdout.strip() if result.returncode == 0 else sys.executable


def _code_folders(template: Template) -> set[str]:
    return {properties["CodeUri"] for _, properties in templates.resources(template, "AWS::Serverless::Function")}


def _handlers(template: Template) -> Iterator[tuple[str, str, list[str]]]:
    """Yields folder, handler and names of environment variables of every function."""
    shared = _environment_variables(template.get("Globals", {}).get("Function", {}))
    for _, function in templates.resources(template, "AWS::Serverless::Function"):
        yield Path(function["CodeUri"]).name, function["Handler"], [*shared, *_environment_variables(function)]


def _environment_variables(function: Resource) -> dict[str, Any]:
    variables: dict[str, Any] = function.get("Environment", {}).get("Variables", {})
    return variables


def _zip_and_report(folder: Path, build: Path) -> int:
    """Returns the unpacked size in bytes."""
    archive = build / f"{folder.name}.zip"
    zip_folder(folder, archive)
    unpacked_size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    _report(f"{archive.name}: {archive.stat().st_size / 1e3:,.0f} kB zipped, {unpacked_size / 1e3:,.0f} kB unpacked")
    return unpacked_size


def _report(line: str) -> None:
    sys.stdout.write(f"{line}\n")
