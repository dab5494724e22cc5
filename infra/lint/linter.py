"""Checks the templates and the state machine locally, without calling AWS.

cfn-lint misses broken references in a raw SAM template, so template.yaml is first translated to CloudFormation in this
process.
"""

import copy
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import cfnlint.api
from samtranslator.model.exceptions import InvalidDocumentException

from infra import templates
from infra.lint import state_machine_rules, template_rules
from infra.paths import ROOT
from infra.templates import REGION, Template

COMPUTE_TEMPLATE = "infra/compute.yaml"
MAIN_TEMPLATE = "template.yaml"


def main(root: Path = ROOT) -> int:
    """Prints one line for each finding. Returns the exit status: 1 if there are findings, else 0."""
    # The translator logs warnings about its own feature toggles.
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)
    main_template = templates.load(root / MAIN_TEMPLATE)
    findings = [f"{MAIN_TEMPLATE}: {finding}" for finding in check(main_template)]
    compute_template = templates.load(root / COMPUTE_TEMPLATE)
    findings += [f"{COMPUTE_TEMPLATE}: {finding}" for finding in check(compute_template)]
    findings += _check_state_machines(main_template, root)
    for finding in findings:
        sys.stdout.write(f"{finding}\n")
    return 1 if findings else 0


def check(template: Template) -> Iterator[str]:
    """Yields findings about one template, SAM or CloudFormation."""
    expanded = copy.deepcopy(template)
    if "Transform" in template:
        try:
            expanded = templates.translate(template)
        except InvalidDocumentException as error:
            yield from (f"not valid SAM: {cause.message}" for cause in error.causes)
            return
    yield from _run_cfn_lint(expanded)
    yield from template_rules.check(expanded)


def _check_state_machines(template: Template, root: Path) -> Iterator[str]:
    for name, properties in templates.resources(template, "AWS::Serverless::StateMachine"):
        path = properties["DefinitionUri"]
        substitutions = properties.get("DefinitionSubstitutions", {})
        findings = state_machine_rules.check((root / path).read_text(), substitutions)
        yield from (f"{path}: {finding}" for finding in findings)
        if properties.get("Type") != "STANDARD":
            yield f"{MAIN_TEMPLATE}: {name}: only a STANDARD state machine waits for a job; set Type: STANDARD"


def _run_cfn_lint(template: Template) -> Iterator[str]:
    for match in cfnlint.api.lint(json.dumps(template), regions=[REGION]):
        # A template that cannot be parsed gives matches without a path.
        path = ".".join(str(step) for step in getattr(match, "path", None) or [])
        yield f"{path}: {match.message} (cfn-lint {match.rule.id})"
