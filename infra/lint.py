"""`python -m infra.lint`: the templates and the state machine, checked as AWS would read them, without AWS.

cfn-lint misses broken references in a raw SAM template, so template.yaml is translated first, in this process.
"""

import copy
import json
import logging
import sys
from collections.abc import Iterator
from pathlib import Path

import cfnlint.api
from samtranslator.model.exceptions import InvalidDocumentException

from infra import rules, states, templates
from infra.templates import REGION, ROOT, Template

COMPUTE = "infra/compute.yaml"
MAIN = "template.yaml"


def main(root: Path = ROOT) -> int:
    # The translator logs what it would like to know of its own feature toggles.
    logging.getLogger("samtranslator").setLevel(logging.CRITICAL)
    main_template = templates.load(root / MAIN)
    found = [f"{MAIN}: {finding}" for finding in check(main_template)]
    found += [f"{COMPUTE}: {finding}" for finding in check(templates.load(root / COMPUTE))]
    for name, machine in templates.resources(main_template, "AWS::Serverless::StateMachine"):
        path = machine["DefinitionUri"]
        text = (root / path).read_text()
        found += [f"{path}: {finding}" for finding in states.check(text, machine.get("DefinitionSubstitutions", {}))]
        if machine.get("Type") != "STANDARD":
            found.append(f"{MAIN}: {name}: only a STANDARD state machine waits for a job; set Type: STANDARD")
    for finding in found:
        sys.stdout.write(f"{finding}\n")
    return 1 if found else 0


def check(template: Template) -> Iterator[str]:
    """Findings about one template, SAM or plain."""
    expanded = copy.deepcopy(template)
    if "Transform" in template:
        try:
            expanded = templates.translate(template)
        except InvalidDocumentException as error:
            yield from (f"not valid SAM: {cause.message}" for cause in error.causes)
            return
    yield from _cfn_lint(expanded)
    yield from rules.check(expanded)


def _cfn_lint(template: Template) -> Iterator[str]:
    for match in cfnlint.api.lint(json.dumps(template), regions=[REGION]):
        # A template that does not parse gives matches without a path.
        place = ".".join(str(step) for step in getattr(match, "path", None) or [])
        yield f"{place}: {match.message} (cfn-lint {match.rule.id})"


if __name__ == "__main__":
    sys.exit(main())
