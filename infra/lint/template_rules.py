"""Rules of this project for CloudFormation templates. Each finding is one line that ends with the fix."""

import json
import re
from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from typing import Any

from infra.templates import Resource, Template, resources

# By these actions, what was overwritten or deleted could not be brought back.
_FORBIDDEN_ACTIONS = ("s3:DeleteObjectVersion", "s3:PutBucketVersioning", "s3:PutLifecycleConfiguration")
# What an access log may name: nothing that a client can put a key into, as the path, the query and headers.
_LOGGED_VARIABLES = {
    "connectionId", "error.responseType", "eventType", "httpMethod", "identity.sourceIp", "integrationLatency",
    "requestId", "requestTime", "resourcePath", "responseLatency", "responseLength", "routeKey", "status",
}  # fmt: skip
_CONTEXT_VARIABLE = re.compile(r"\$context\.([A-Za-z.]+)")
_POLICY_TYPES = ("AWS::IAM::Policy", "AWS::IAM::RolePolicy", "AWS::IAM::ManagedPolicy")


def check(template: Template) -> Iterator[str]:
    """Yields findings about a translated template."""
    for kind, check_resource in _CHECKS.items():
        for name, resource in resources(template, kind):
            yield from _with_name(name, check_resource(resource))
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


def _check_log_group(group: Resource) -> Iterator[str]:
    if "RetentionInDays" not in group:
        yield "the log is kept for ever; set RetentionInDays"


def _check_rest_stage(stage: Resource) -> Iterator[str]:
    yield from _check_access_log(stage.get("AccessLogSetting", {}))
    yield from _check_method_settings(stage.get("MethodSettings", []))


def _check_websocket_stage(stage: Resource) -> Iterator[str]:
    yield from _check_access_log(stage.get("AccessLogSettings", {}))


def _check_access_log(log: Resource) -> Iterator[str]:
    text = log.get("Format", "")
    if not text or "DestinationArn" not in log:
        yield "nobody can see who called; add an access log with DestinationArn and Format"
    for variable in sorted(set(_CONTEXT_VARIABLE.findall(text)) - _LOGGED_VARIABLES):
        yield f"$context.{variable} may contain a key; take it out of the access log"


def _check_method_settings(settings: list[Resource]) -> Iterator[str]:
    stage_wide = [one for one in settings if (one.get("ResourcePath"), one.get("HttpMethod")) == ("/*", "*")]
    if not any("ThrottlingRateLimit" in one and "ThrottlingBurstLimit" in one for one in stage_wide):
        yield "one client can use up the whole account; set MethodSettings with throttling for /* and *"
    if any(one.get("DataTraceEnabled") or one.get("LoggingLevel", "OFF") != "OFF" for one in settings):
        yield "execution logs contain queries with keys; leave DataTraceEnabled and LoggingLevel out"


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


_CHECKS: dict[str, Callable[[Resource], Iterator[str]]] = {
    "AWS::S3::Bucket": _check_bucket,
    "AWS::DynamoDB::Table": _check_table,
    "AWS::Lambda::EventSourceMapping": _check_event_source_mapping,
    "AWS::Events::Rule": _check_event_rule,
    "AWS::ApiGateway::Stage": _check_rest_stage,
    "AWS::ApiGatewayV2::Stage": _check_websocket_stage,
    "AWS::Logs::LogGroup": _check_log_group,
}
