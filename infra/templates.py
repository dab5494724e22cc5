"""Reads CloudFormation and SAM templates as plain data, and translates SAM to CloudFormation without calling AWS."""

import copy
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

LOCAL_PATH_PROPERTIES = ("CodeUri", "ContentUri", "DefinitionUri")
REGION = "us-east-1"  # the translator requires a region; no result depends on it

Template = dict[str, Any]
Resource = dict[str, Any]

_TYPES_WITH_LOCAL_PATHS = (
    "AWS::Serverless::Function",
    "AWS::Serverless::LayerVersion",
    "AWS::Serverless::StateMachine",
)


def load(path: Path) -> Template:
    """The template with `!Sub` and the other short forms expanded."""
    plain: Template = json.loads(json.dumps(cfn_yaml.load(str(path))))  # type: ignore[no-untyped-call]
    return plain


def resources(template: Template, *types: str) -> Iterator[tuple[str, Resource]]:
    """Yields logical name and properties of the resources of these types, in order."""
    for name, resource in template["Resources"].items():
        if resource["Type"] in types:
            yield name, resource.get("Properties", {})


def translate(template: Template) -> Template:
    """Translates SAM to CloudFormation. Local paths become an object in a bucket that nothing reads.

    Raises samtranslator's InvalidDocumentException.
    """
    uploaded = copy.deepcopy(template)
    for _, properties in resources(uploaded, *_TYPES_WITH_LOCAL_PATHS):
        for key in LOCAL_PATH_PROPERTIES:
            if isinstance(properties.get(key), str):
                properties[key] = {"Bucket": "bucket", "Key": "key"} if key == "DefinitionUri" else "s3://bucket/key"
    with _default_region():
        translated: Template = transform(uploaded, {}, _NoManagedPolicies())
    return translated


class _NoManagedPolicies(ManagedPolicyLoader):
    """The functions write their policies out, so no managed policy has to be looked up at AWS."""

    def __init__(self) -> None:
        """Creates no client: the base class requires one for AWS's IAM."""

    def load(self) -> dict[str, str]:
        return {}


@contextmanager
def _default_region() -> Iterator[None]:
    """Sets AWS_DEFAULT_REGION, which the translator reads, and restores it afterwards."""
    before = os.environ.get("AWS_DEFAULT_REGION")
    os.environ["AWS_DEFAULT_REGION"] = REGION
    try:
        yield
    finally:
        if before is None:
            del os.environ["AWS_DEFAULT_REGION"]
        else:
            os.environ["AWS_DEFAULT_REGION"] = before
