"""What CloudFormation would accept and we do not. Each finding is one line that ends with its cure."""

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from infra.templates import Resource, Template, resources

_POLICY_KINDS = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy")


def check(template: Template) -> Iterator[str]:
    """Findings about a translated template."""
    for name, bucket in resources(template, "AWS::S3::Bucket"):
        yield from _named(name, _bucket(bucket))
    for name, table in resources(template, "AWS::DynamoDB::Table"):
        yield from _named(name, _table(table))
    for name, mapping in resources(template, "AWS::Lambda::EventSourceMapping"):
        yield from _named(name, _mapping(mapping))
    for name, rule in resources(template, "AWS::Events::Rule"):
        yield from _named(name, _rule(rule))
    for name, group in resources(template, "AWS::Logs::LogGroup"):
        if "RetentionInDays" not in group:
            yield f"{name}: the log is kept for ever; set RetentionInDays"
    for name, statement in _statements(template):
        yield from _named(name, _statement(statement))


def _named(name: str, findings: Iterable[str]) -> Iterator[str]:
    return (f"{name}: {finding}" for finding in findings)


def _bucket(bucket: Resource) -> Iterator[str]:
    if not bucket.get("BucketEncryption"):
        yield "the bucket names no encryption; add BucketEncryption with SSEAlgorithm AES256 or aws:kms"
    block = bucket.get("PublicAccessBlockConfiguration", {})
    for switch in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"):
        if block.get(switch) is not True:
            yield f"the bucket could be made public; set PublicAccessBlockConfiguration.{switch}: true"
    rules = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
    if not any("AbortIncompleteMultipartUpload" in rule for rule in rules):
        yield "half-made uploads are paid for ever; add a lifecycle rule with AbortIncompleteMultipartUpload"


def _table(table: Resource) -> Iterator[str]:
    if table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled") is not True:
        yield "a bad write could not be undone; set PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled: true"
    if table.get("SSESpecification", {}).get("SSEEnabled") is not True:
        yield "the table names no encryption; set SSESpecification.SSEEnabled: true"


def _mapping(mapping: Resource) -> Iterator[str]:
    if "StartingPosition" not in mapping:
        return  # a queue brings its own retries
    if mapping.get("MaximumRetryAttempts", -1) == -1:
        yield "a poisoned record is retried for ever and blocks its shard; set MaximumRetryAttempts"
    if not mapping.get("DestinationConfig", {}).get("OnFailure"):
        yield "a record that fails is lost; set DestinationConfig.OnFailure"


def _rule(rule: Resource) -> Iterator[str]:
    for target in rule.get("Targets", []):
        if "Arn" not in target.get("DeadLetterConfig", {}):
            yield f"what the target {target['Id']} refuses is lost without a word; set DeadLetterConfig.Arn"


def _statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, role in resources(template, "AWS::IAM::Role"):
        for policy in _flat(role.get("Policies", [])):
            yield from ((name, statement) for statement in _flat(policy["PolicyDocument"]["Statement"]))
    for name, policy in resources(template, *_POLICY_KINDS):
        yield from ((name, statement) for statement in _flat(policy["PolicyDocument"]["Statement"]))


def _statement(statement: dict[str, Any]) -> Iterator[str]:
    if statement["Effect"] != "Allow":
        return
    if "NotAction" in statement or "NotResource" in statement:
        yield "NotAction and NotResource allow what nobody listed; list the Action and the Resource"
    everywhere = "*" in _flat(statement.get("Resource", []))
    for action in _flat(statement.get("Action", [])):
        if action == "*" or action.endswith(":*"):
            yield f'the action "{action}" allows more than is needed; list the actions'
        elif everywhere and (kinds := _resource_kinds(action)):
            yield f'{action} is allowed on Resource "*"; name the {" or ".join(sorted(kinds))} by its ARN'


def _flat(value: Any) -> list[Any]:
    """A list, whether one was given or a single value; both sides of an Fn::If count."""
    if isinstance(value, list):
        return [inner for item in value for inner in _flat(item)]
    if isinstance(value, dict) and "Fn::If" in value:
        return [inner for side in value["Fn::If"][1:] for inner in _flat(side)]
    return [] if value == {"Ref": "AWS::NoValue"} else [value]


def _resource_kinds(action: str) -> set[str]:
    """The kinds of resource that an action (`service:Name`, may hold *) can be limited to."""
    service, _, pattern = action.lower().partition(":")
    known = _actions().get(service, {}).get("Actions", {})
    return {
        kind
        for name, facts in known.items()
        if fnmatchcase(name.lower(), pattern)
        for kind in facts.get("Resources", [])
    }


@cache
def _actions() -> dict[str, Any]:
    """cfn-lint's copy of AWS's Service Authorization Reference."""
    text = (files("cfnlint") / "data" / "AdditionalSpecs" / "Policies.json").read_text()
    services: dict[str, Any] = json.loads(text)
    return services
