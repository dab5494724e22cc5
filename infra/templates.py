"""CloudFormation and SAM templates as plain data: read them, and expand SAM in this process, without AWS."""

import copy
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cfnlint.decode import cfn_yaml
from samtranslator.translator.managed_policy_translator import ManagedPolicyLoader
from samtranslator.translator.transform import transform

ROOT = Path(__file__).resolve().parent.parent
LOCAL_PATHS = ("CodeUri", "ContentUri", "DefinitionUri")
REGION = "us-east-1"  # the translator asks for one; nothing of ours depends on it

Template = dict[str, Any]
Resource = dict[str, Any]


class _NoManagedPolicies(ManagedPolicyLoader):
    """Our functions write their policies out: no name of a managed policy is ever looked up at AWS."""

    def __init__(self) -> None:
        """Makes no client: the base class wants one for AWS's IAM."""

    def load(self) -> dict[str, str]:
        return {}


def load(path: Path) -> Template:
    """The template with `!Sub` and its like in their long form."""
    plain: Template = json.loads(json.dumps(cfn_yaml.load(str(path))))  # type: ignore[no-untyped-call]
    return plain


def resources(template: Template, *kinds: str) -> Iterator[tuple[str, Resource]]:
    """Logical name and properties of the resources of these kinds, in order."""
    for name, resource in template["Resources"].items():
        if resource["Type"] in kinds:
            yield name, resource.get("Properties", {})


def translate(template: Template) -> Template:
    """SAM made into CloudFormation. Local code becomes an object in a bucket that is never read.

    Raises samtranslator's InvalidDocumentException.
    """
    uploaded = copy.deepcopy(template)
    for _, properties in resources(uploaded, *_SERVERLESS):
        for key in LOCAL_PATHS:
            if isinstance(properties.get(key), str):
                properties[key] = {"Bucket": "bucket", "Key": "key"} if key == "DefinitionUri" else "s3://bucket/key"
    with _Region():
        expanded: Template = transform(uploaded, {}, _NoManagedPolicies())
    return expanded


_SERVERLESS = ("AWS::Serverless::Function", "AWS::Serverless::LayerVersion", "AWS::Serverless::StateMachine")


class _Region:
    """AWS_DEFAULT_REGION for a moment: the translator reads it."""

    def __enter__(self) -> None:
        self._before = os.environ.get("AWS_DEFAULT_REGION")
        os.environ["AWS_DEFAULT_REGION"] = REGION

    def __exit__(self, *_: object) -> None:
        if self._before is None:
            del os.environ["AWS_DEFAULT_REGION"]
        else:
            os.environ["AWS_DEFAULT_REGION"] = self._before
