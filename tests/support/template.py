"""template.yaml as tests use it: as data, as tables, and as the environment of the functions."""

from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

from samtranslator.yaml_helper import yaml_parse

ROOT = Path(__file__).parents[2]
# What the functions are told by the template, where everything is in process.
SETTINGS = {
    "JOBS_TABLE": "JobsTable",
    "API_KEYS_TABLE": "ApiKeysTable",
    "COUNTERS_TABLE": "CountersTable",
    "STATISTICS_TABLE": "StatisticsTable",
    "NAME_INDEX_TABLE": "NameIndexTable",
    "USAGE_TABLE": "UsageTable",
    "IDEMPOTENCY_TABLE": "IdempotencyTable",
    "EXPORTS_TABLE": "ExportsTable",
    "JOB_TOKEN_SECRET": "job-tokens",
    "BACKGROUND_QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/background",
    "WEBHOOKS_TABLE": "WebhooksTable",
    "DELIVERIES_TABLE": "DeliveriesTable",
    "CIRCUIT_BREAKERS_TABLE": "CircuitBreakersTable",
    "CONNECTIONS_TABLE": "ConnectionsTable",
    "WEBSOCKET_URL": "https://sockets.execute-api.us-east-1.amazonaws.com/test",
    "WEBHOOK_EVENTS_QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/webhooks",
    "WEBHOOK_ATTEMPTS_QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/attempts",
    "MEDIA_BUCKET": "media",
    "TASK_ROLE": "arn:aws:iam::123456789012:role/tasks",
    "STATE_MACHINE": "arn:aws:states:us-east-1:123456789012:stateMachine:pipeline",
    "TASK_RESOURCE": "arn:aws:states:us-east-1:123456789012:activity:tasks",
    "EVENT_BUS": "mediajobs",
    "FAILED_EVENTS_QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/failed",
    "CONNECTIONS_PER_ACCOUNT": "100",
    "ACCOUNT_CONCURRENCY": "2",
    "SYSTEM_CONCURRENCY": "3",
    "DEFAULT_WHISPER_MODEL": "base",
    "SOURCE_BUCKETS": "",
    "ALLOW_PRIVATE_URLS": "false",
}


def template() -> dict[str, Any]:
    """template.yaml as data."""
    return deepcopy(_parsed())


@cache
def _parsed() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml_parse((ROOT / "template.yaml").read_text())
    return parsed


def make_tables(client: Any) -> None:
    """The tables of the template, each named as its resource."""
    for name, resource in _parsed()["Resources"].items():
        if resource["Type"] == "AWS::DynamoDB::Table":
            wanted = ("BillingMode", "AttributeDefinitions", "KeySchema", "GlobalSecondaryIndexes")
            properties = {key: resource["Properties"][key] for key in wanted if key in resource["Properties"]}
            client.create_table(TableName=name, **properties)
