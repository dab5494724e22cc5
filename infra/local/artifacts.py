"""Turns the local paths of a SAM template into S3 objects, as `aws cloudformation package` does."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from samtranslator.yaml_helper import yaml_parse

from infra.local.stack_error import StackError

LOCAL_PATH_PROPERTIES = {
    "AWS::Serverless::Function": "CodeUri",
    "AWS::Serverless::LayerVersion": "ContentUri",
    "AWS::Serverless::StateMachine": "DefinitionUri",
    "AWS::Serverless::Api": "DefinitionUri",
}
EXCLUDED_FOLDERS = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache"}
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)  # the earliest date of the zip format


class Artifact(NamedTuple):
    key: str
    body: bytes


class PackagedTemplate(NamedTuple):
    template: dict[str, Any]
    artifacts: list[Artifact]


def package_template(path: Path, bucket: str) -> PackagedTemplate:
    """The template as it is to be deployed, and the objects that the bucket must contain first.

    An object's key is a hash of its content, so that the same code gives the same template.
    """
    template = yaml_parse(path.read_text())
    artifacts: dict[str, Artifact] = {}
    for properties, name in _local_paths(template):
        artifact = _artifact(path.parent / properties[name])
        artifacts[artifact.key] = artifact
        properties[name] = f"s3://{bucket}/{artifact.key}"
    return PackagedTemplate(json.loads(json.dumps(template)), list(artifacts.values()))


def _local_paths(template: dict[str, Any]) -> Iterator[tuple[dict[str, Any], str]]:
    """Yields the properties, with the property's name, that name a local file or folder."""
    for resource in template["Resources"].values():
        name = LOCAL_PATH_PROPERTIES.get(resource["Type"])
        properties = resource.get("Properties", {})
        if name and _is_local(properties.get(name)):
            yield properties, name
    function_defaults = template.get("Globals", {}).get("Function", {})
    if _is_local(function_defaults.get("CodeUri")):
        yield function_defaults, "CodeUri"


def _is_local(value: object) -> bool:
    return isinstance(value, str) and not value.startswith(("s3://", "https://"))


def _artifact(path: Path) -> Artifact:
    if path.is_dir():
        return _with_hashed_key(_zip_folder(path), ".zip")
    if path.is_file():
        return _with_hashed_key(path.read_bytes(), path.suffix)
    raise StackError(f"template.yaml names {path}, which is not there: correct the path")


def _with_hashed_key(body: bytes, suffix: str) -> Artifact:
    return Artifact(f"{hashlib.sha256(body).hexdigest()[:32]}{suffix}", body)


def _zip_folder(folder: Path) -> bytes:
    """The same files give the same bytes, whatever their dates and owners."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if path.is_file() and not EXCLUDED_FOLDERS.intersection(relative.parts):
                entry = zipfile.ZipInfo(relative.as_posix(), ZIP_EPOCH)
                entry.external_attr = 0o644 << 16
                archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
