"""What `aws cloudformation package` does, in process: local paths of a SAM template become S3 objects."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from samtranslator.yaml_helper import yaml_parse

from infra.local.errors import StackError

PATHS = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
    "AWS::Serverless::Api": "DefinitionUri",
}
LEFT_OUT = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
EPOCH = (1980, 1, 1, 0, 0, 0)  # the first moment that a zip file knows


class Artifact(NamedTuple):
    key: str
    body: bytes


class Package(NamedTuple):
    template: dict[str, Any]
    artifacts: list[Artifact]


def package(path: Path, bucket: str) -> Package:
    """The template as it is to be deployed, and what must lie in the bucket before.

    The keys name the content, so the same code gives the same template.
    """
    template = yaml_parse(path.read_text())
    artifacts: dict[str, Artifact] = {}
    for properties, name in _local_paths(template):
        artifact = _artifact(path.parent / properties[name])
        artifacts[artifact.key] = artifact
        properties[name] = f"s3://{bucket}/{artifact.key}"
    return Package(json.loads(json.dumps(template)), list(artifacts.values()))


def _local_paths(template: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """The places in the template that name a file or folder."""
    for resource in template["Resources"].values():
        name = PATHS.get(resource["Type"])
        properties = resource.get("Properties", {})
        if name and _is_local(properties.get(name)):
            yield properties, name
    shared = template.get("Globals", {}).get("Function", {})
    if _is_local(shared.get("CodeUri")):
        yield shared, "CodeUri"


def _is_local(value: object) -> bool:
    return isinstance(value, str) and not value.startswith(("s3://", "https://"))


def _artifact(path: Path) -> Artifact:
    if path.is_dir():
        return _named(_zipped(path), ".zip")
    if path.is_file():
        return _named(path.read_bytes(), path.suffix)
    raise StackError(f"template.yaml names {path}, which is not there: correct the path")


def _named(body: bytes, suffix: str) -> Artifact:
    return Artifact(f"{hashlib.sha256(body).hexdigest()[:32]}{suffix}", body)


def _zipped(folder: Path) -> bytes:
    """The same bytes for the same files, whenever and by whomever they were made."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if path.is_file() and not LEFT_OUT.intersection(relative.parts):
                entry = zipfile.ZipInfo(relative.as_posix(), EPOCH)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
