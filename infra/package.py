"""`python -m infra.package`: builds into .build/ what a deployment uploads, and imports it in that very shape.

The same sources and locks give the same bytes: `sam deploy` then finds nothing to upload.
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

from infra import layer as layers
from infra import templates
from infra.layer import UV, PackageError, Target
from infra.templates import ROOT, Resource, Template

BUILD = ROOT / ".build"
LAMBDA_LIMIT = 250 << 20  # bytes unpacked, a function and its layers together

_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can say
_IMPORT_TIMEOUT = 60  # seconds
_IMPORT = """
import importlib, sys, time
sys.path[:0] = sys.argv[1:3]
module, _, name = sys.argv[3].rpartition(".")
start = time.perf_counter()
getattr(importlib.import_module(module), name)
print(round(1000 * (time.perf_counter() - start)))
"""


def main() -> int:
    try:
        package(ROOT / "template.yaml", BUILD)
    except PackageError as error:
        sys.stderr.write(f"package: {error}\n")
        return 1
    return 0


def package(source: Path, build: Path) -> None:
    """Zips, packaged template and a report on standard output. Raises PackageError."""
    template = templates.load(source)
    target = declared(template)
    shutil.rmtree(build, ignore_errors=True)
    build.mkdir(parents=True)
    with tempfile.TemporaryDirectory() as scratch:
        work = Path(scratch)
        unpacked = _build_layer(target, work / "layer", build)
        for folder in sorted(_folders(template)):
            layers.copy_code(source.parent / folder, work / Path(folder).name)
            unpacked_function = _zip_and_tell(work / Path(folder).name, build)
            if unpacked + unpacked_function > LAMBDA_LIMIT:
                raise PackageError(f"{folder} and the layer unpack to over 250 MiB; take something out of the layer")
        _import_handlers(template, target.python, build, work)
    rewritten = rewrite(template, source.parent, build)
    (build / "template.yaml").write_text(json.dumps(rewritten, indent=2) + "\n")  # JSON is YAML
    _tell(f"deploy with {build.name}/template.yaml")


def declared(template: Template) -> Target:
    """The runtime and the processor that all functions of the template share."""
    defaults = template.get("Globals", {}).get("Function", {})
    found = {
        (merged.get("Runtime"), *merged.get("Architectures", ["x86_64"]))
        for merged in (defaults | own for _, own in templates.resources(template, "AWS::Serverless::Function"))
    }
    if len(found) != 1:
        raise PackageError(f"the functions differ in runtime or processor ({sorted(found)}); declare them in Globals")
    runtime, architecture = found.pop()
    return Target(python=runtime.removeprefix("python"), machine=_MACHINES[architecture])


def zip_folder(folder: Path, archive: Path) -> None:
    """Sorted, undated, with equal rights: the same files give the same bytes."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as out:
        for path in sorted(path for path in folder.rglob("*") if path.is_file()):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), _EPOCH)
            entry.external_attr = 0o100644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            out.writestr(entry, path.read_bytes())


def rewrite(template: Template, root: Path, build: Path) -> Template:
    """The template with its local paths pointing at what lies beside it in `build`; definitions are copied there."""
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


def import_handler(interpreter: str, paths: tuple[Path, Path], handler: str, variables: list[str]) -> int:
    """Milliseconds that the import took in a child that sees the layer, the function and the standard library."""
    environment = dict.fromkeys(variables, "value") | {"AWS_DEFAULT_REGION": templates.REGION, "PATH": os.defpath}
    command = [interpreter, "-I", "-S", "-B", "-c", _IMPORT, *map(str, paths), handler]
    done = subprocess.run(
        command, env=environment, capture_output=True, text=True, timeout=_IMPORT_TIMEOUT, check=False
    )
    if done.returncode:
        why = done.stderr.strip().splitlines()[-1:]
        raise PackageError(f"{paths[1].name}/{handler} cannot be imported from the package: {' '.join(why)}")
    return int(done.stdout.split()[-1])


def _build_layer(target: Target, folder: Path, build: Path) -> int:
    """Returns its size unpacked, in bytes."""
    layers.build(target, folder)
    natives = layers.check_natives(folder / "python", target)
    _tell(f"layer for Python {target.python}, {target.machine}: {natives} native modules, all of that processor")
    return _zip_and_tell(folder, build)


def _import_handlers(template: Template, python: str, build: Path, work: Path) -> None:
    """From the zips, under the declared Python if this machine has it, with wheels of this machine's processor."""
    interpreter = _interpreter(python)
    layers.build(Target(python=python, interpreter=interpreter), work / "native")
    for folder, handler, variables in _handlers(template):
        unpacked = work / "unpacked" / folder
        with zipfile.ZipFile(build / f"{folder}.zip") as archive:
            archive.extractall(unpacked)
        took = import_handler(interpreter, (work / "native" / "python", unpacked), handler, variables)
        _tell(f"{folder}: {handler} imports in {took} ms, with the layer alone, in {Path(interpreter).resolve().name}")


def _interpreter(python: str) -> str:
    command = [str(UV), "python", "find", "--no-python-downloads", "--no-project", python]
    found = subprocess.run(command, capture_output=True, text=True, timeout=_IMPORT_TIMEOUT, check=False)
    return found.stdout.strip() if found.returncode == 0 else sys.executable


def _folders(template: Template) -> set[str]:
    return {own["CodeUri"] for _, own in templates.resources(template, "AWS::Serverless::Function")}


def _handlers(template: Template) -> Iterator[tuple[str, str, list[str]]]:
    """Folder, handler, and the names of the environment variables, for every function."""
    shared = _variables(template.get("Globals", {}).get("Function", {}))
    for _, function in templates.resources(template, "AWS::Serverless::Function"):
        yield Path(function["CodeUri"]).name, function["Handler"], [*shared, *_variables(function)]


def _variables(function: Resource) -> dict[str, Any]:
    variables: dict[str, Any] = function.get("Environment", {}).get("Variables", {})
    return variables


def _zip_and_tell(folder: Path, build: Path) -> int:
    archive = build / f"{folder.name}.zip"
    zip_folder(folder, archive)
    unpacked = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
    _tell(f"{archive.name}: {archive.stat().st_size / 1e3:,.0f} kB zipped, {unpacked / 1e3:,.0f} kB unpacked")
    return unpacked


def _tell(line: str) -> None:
    sys.stdout.write(f"{line}\n")


if __name__ == "__main__":
    sys.exit(main())
