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
    "KEYS_TABLE": "KeysTable",
    "COUNTERS_TABLE": "CountersTable",
    "TALLIES_TABLE": "TalliesTable",
    "NAMES_TABLE": "NamesTable",
    "USAGE_TABLE": "UsageTable",
    "IDEMPOTENCY_TABLE": "IdempotencyTable",
    "EXPORTS_TABLE": "ExportsTable",
    "CHORES_QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/chores",
    "WEBHOOKS_TABLE": "WebhooksTable",
    "DELIVERIES_TABLE": "DeliveriesTable",
    "CIRCUITS_TABLE": "CircuitsTable",
    "CONNECTIONS_TABLE": "ConnectionsTable",
    "SOCKETS_URL": "https://sockets.execute-api.us-east-1.amazonaws.com/test",
    "WEBHOOKS_QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/webhooks",
    "ATTEMPTS_QUEUE": "https://sqs.us-east-1.amazonaws.com/123456789012/attempts",
    "MEDIA_BUCKET": "media",
    "STATE_MACHINE": "arn:aws:states:us-east-1:123456789012:stateMachine:pipeline",
    "TASK_RESOURCE": "arn:aws:states:us-east-1:123456789012:activity:tasks",
    "BUS": "mediajobs",
    "FAILED_EVENTS": "https://sqs.us-east-1.amazonaws.com/123456789012/failed",
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
