"""Rules of this project for CloudFormation templates. Each finding is one line that ends with the fix."""

import json
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from infra.templates import Resource, Template, resources

# By these actions, what was overwritten or deleted could not be brought back.
_FORBIDDEN_ACTIONS = ("s3:DeleteObjectVersion", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration")
_POLICY_TYPES = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy")


def check(template: Template) -> Iterator[str]:
    """Yields findings about a translated template."""
    for name, bucket in resources(template, "AWS::S3::Bucket"):
        yield from _with_name(name, _check_bucket(bucket))
    for name, table in resources(template, "AWS::DynamoDB::Table"):
        yield from _with_name(name, _check_table(table))
    for name, mapping in resources(template, "AWS::Lambda::EventSourceMapping"):
        yield from _with_name(name, _check_event_source_mapping(mapping))
    for name, rule in resources(template, "AWS::Events::Rule"):
        yield from _with_name(name, _check_event_rule(rule))
    for name, group in resources(template, "AWS::Logs::LogGroup"):
        if "RetentionInDays" not in group:
            yield f"{name}: the log is kept for ever; set RetentionInDays"
    for name, statement in _policy_statements(template):
        yield from _with_name(name, _check_policy_statement(statement))
        yield from _with_name(name, _check_irrevocable_actions(statement))


def _with_name(name: str, findings: Iterable[str]) -> Iterator[str]:
    return (f"{name}: {finding}" for finding in findings)


def _check_bucket(bucket: Resource) -> Iterator[str]:
    if not bucket.get("BucketEncryption"):
        yield "the bucket names no encryption; add BucketEncryption with SSEAlgorithm AES256 or aws:kms"
    block = bucket.get("PublicAccessBlockConfiguration", {})
    for switch in ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets"):
        if block.get(switch) is not True:
            yield f"the bucket could be made public; set PublicAccessBlockConfiguration.{switch}: true"
    rules = bucket.get("LifecycleConfiguration", {}).get("Rules", [])
    if not any("AbortIncompleteMultipartUpload" in rule for rule in rules):
        yield "incomplete uploads are paid for ever; add a lifecycle rule with AbortIncompleteMultipartUpload"
    if "Enabled" not in _flatten(bucket.get("VersioningConfiguration", {}).get("Status", [])):
        yield "what is deleted or overwritten is lost; set VersioningConfiguration.Status: Enabled"
    if not any("NoncurrentVersionExpiration" in rule for rule in rules):
        yield "old versions are paid for ever; add a lifecycle rule with NoncurrentVersionExpiration"


def _check_table(table: Resource) -> Iterator[str]:
    if table.get("PointInTimeRecoverySpecification", {}).get("PointInTimeRecoveryEnabled") is not True:
        yield "a bad write could not be undone; set PointInTimeRecoverySpecification.PointInTimeRecoveryEnabled: true"
    if table.get("SSESpecification", {}).get("SSEEnabled") is not True:
        yield "the table names no encryption; set SSESpecification.SSEEnabled: true"


def _check_event_source_mapping(mapping: Resource) -> Iterator[str]:
    if "StartingPosition" not in mapping:
        return  # it reads a queue, which has its own retries
    if mapping.get("MaximumRetryAttempts", -1) == -1:
        yield "a bad record is retried for ever and blocks its shard; set MaximumRetryAttempts"
    if not mapping.get("DestinationConfig", {}).get("OnFailure"):
        yield "a record that fails is lost; set DestinationConfig.OnFailure"


def _check_event_rule(rule: Resource) -> Iterator[str]:
    for target in rule.get("Targets", []):
        if "Arn" not in target.get("DeadLetterConfig", {}):
            yield f"events that the target {target['Id']} refuses are lost; set DeadLetterConfig.Arn"


def _policy_statements(template: Template) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, role in resources(template, "AWS::IAM::Role"):
        for policy in _flatten(role.get("Policies", [])):
            yield from ((name, statement) for statement in _flatten(policy["PolicyDocument"]["Statement"]))
    for name, policy in resources(template, *_POLICY_TYPES):
        yield from ((name, statement) for statement in _flatten(policy["PolicyDocument"]["Statement"]))


def _check_policy_statement(statement: dict[str, Any]) -> Iterator[str]:
    if statement["Effect"] != "Allow":
        return
    if "NotAction" in statement or "NotResource" in statement:
        yield "NotAction and NotResource allow what nobody listed; list the Action and the Resource"
    any_resource = "*" in _flatten(statement.get("Resource", []))
    for action in _flatten(statement.get("Action", [])):
        if action == "*" or action.endswith(":*"):
            yield f'the action "{action}" allows more than is needed; list the actions'
        elif any_resource and (types := _resource_types(action)):
            yield f'{action} is allowed on Resource "*"; name the {" or ".join(sorted(types))} by its ARN'


def _check_irrevocable_actions(statement: dict[str, Any]) -> Iterator[str]:
    for action in _flatten(statement.get("Action", [])) if statement["Effect"] == "Allow" else []:
        for name in _FORBIDDEN_ACTIONS:
            if fnmatchcase(name.lower(), action.lower()):
                yield f"{action} allows {name}, which ends every way back; take it out"


def _flatten(value: Any) -> list[Any]:
    """A flat list of a value or of nested lists. Both branches of an Fn::If are included."""
    if isinstance(value, list):
        return [inner for item in value for inner in _flatten(item)]
    if isinstance(value, dict) and "Fn::If" in value:
        return [inner for branch in value["Fn::If"][1:] for inner in _flatten(branch)]
    return [] if value == {"Ref": "AWS::NoValue"} else [value]


def _resource_types(action: str) -> set[str]:
    """The types of resource to which an action (`service:Name`, may contain *) can be limited."""
    service, _, pattern = action.lower().partition(":")
    actions = _service_authorization().get(service, {}).get("Actions", {})
    return {
        resource_type
        for name, properties in actions.items()
        if fnmatchcase(name.lower(), pattern)
        for resource_type in properties.get("Resources", [])
    }


@cache
def _service_authorization() -> dict[str, Any]:
    """cfn-lint's copy of AWS's Service Authorization Reference."""
    text = (files("cfnlint") / "data" / "AdditionalSpecs" / "Policies.json").read_text()
    services: dict[str, Any] = json.loads(text)
    return services
