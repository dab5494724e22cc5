"""The webhook endpoints of accounts, at most ten for each, and their signing secrets."""

import json
import secrets
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from ulid import ULID

from mediajobs.aws import backoff, dynamodb
from mediajobs.aws.conditional_writes import update, write_if_allowed
from mediajobs.aws.dynamodb import from_item, to_attribute
from mediajobs.errors import Conflict, Contention, NotFound
from mediajobs.settings import setting
from mediajobs.timestamps import parse_rfc3339, rfc3339
from mediajobs.webhooks.endpoints import DEFAULT_EVENTS, MAX_ENDPOINTS, Endpoint, Secret
from mediajobs.webhooks.signatures import SECRET_BYTES, assemble_secret

OVERLAP = timedelta(hours=24)  # so long a replaced secret signs beside the new one
MAX_SECRETS = 10
_TRIES = 8
_ID_SET = "endpoints"  # the item with the ids of an account's endpoints, which bounds their number
_JSON_FIELDS = ("events", "secrets")


def create(
    account: str,
    *,
    url: str,
    now: datetime,
    events: tuple[str, ...] = DEFAULT_EVENTS,
    description: str | None = None,
    enabled: bool = True,
) -> Endpoint:
    """Creates an endpoint with a new secret. Raises Conflict if the account has ten."""
    moment = rfc3339(now)
    endpoint = Endpoint(
        account=account,
        webhook_id=f"wh_{ULID()}",
        url=url,
        events=events,
        description=description,
        enabled=enabled,
        secrets=(Secret(secret=_new_secret()),),
        created_at=moment,
        updated_at=moment,
    )
    put = {"Put": {"TableName": setting("WEBHOOKS_TABLE"), "Item": _item(endpoint)}}
    if not _write_with_id_set(account, _add_id(endpoint.webhook_id), put):
        raise Conflict(f"An account has at most {MAX_ENDPOINTS} webhooks. Delete one that is not needed any more.")
    return endpoint


def get(account: str, webhook_id: str) -> Endpoint:
    """Raises NotFound."""
    response = dynamodb.client().get_item(
        TableName=setting("WEBHOOKS_TABLE"), Key=key(account, webhook_id), ConsistentRead=True
    )
    if "Item" not in response or not webhook_id.startswith("wh_"):
        raise NotFound("webhook", webhook_id)
    return endpoint_of(from_item(response["Item"]))


def of_account(account: str) -> list[Endpoint]:
    """Returns the account's endpoints, the oldest first."""
    response = dynamodb.client().query(
        TableName=setting("WEBHOOKS_TABLE"),
        KeyConditionExpression="account = :account AND begins_with(webhook_id, :prefix)",
        ExpressionAttributeValues={":account": {"S": account}, ":prefix": {"S": "wh_"}},
        ConsistentRead=True,
    )
    return [endpoint_of(from_item(item)) for item in response["Items"]]


def change(account: str, webhook_id: str, changes: Mapping[str, Any], now: datetime) -> Endpoint:
    """Sets `url`, `events`, `description` or `enabled`. Raises NotFound.

    Earlier failures are forgotten if the endpoint is enabled or its URL is changed.
    """
    values = {**changes, "updated_at": rfc3339(now)}
    removed = ["disabled_reason"] if "enabled" in values else []
    removed += ["failing_since", "failed_at"] if values.get("enabled") or "url" in values else []
    removed += [name for name, value in values.items() if value is None]
    return _update(account, webhook_id, {name: value for name, value in values.items() if value is not None}, removed)


def delete(account: str, webhook_id: str) -> None:
    """Deletes an endpoint. Its pending deliveries are not sent any more. Raises NotFound."""
    get(account, webhook_id)
    remove_id: dict[str, Any] = {
        "UpdateExpression": "DELETE ids :id",
        "ExpressionAttributeValues": {":id": {"SS": [webhook_id]}},
    }
    delete_endpoint = {
        "TableName": setting("WEBHOOKS_TABLE"),
        "Key": key(account, webhook_id),
        "ConditionExpression": "attribute_exists(webhook_id)",
    }
    if not _write_with_id_set(account, remove_id, {"Delete": delete_endpoint}):
        raise NotFound("webhook", webhook_id)


def rotate_secret(account: str, webhook_id: str, now: datetime) -> Endpoint:
    """Gives an endpoint a new secret, the first of its list. A replaced secret signs beside it for 24 hours more.

    Raises NotFound, Conflict if there would be more than ten secrets, and Contention.
    """
    for _ in backoff.attempts(_TRIES):
        before = get(account, webhook_id)
        after = (Secret(secret=_new_secret()), *_replaced_secrets(before, now))
        row, done = update(
            setting("WEBHOOKS_TABLE"),
            key(account, webhook_id),
            UpdateExpression="SET secrets = :after, updated_at = :now",
            ConditionExpression="secrets = :before",
            ExpressionAttributeValues={
                ":before": {"S": _secrets_json(before.secrets)},
                ":after": {"S": _secrets_json(after)},
                ":now": {"S": rfc3339(now)},
            },
        )
        if done:
            return endpoint_of(row)
    raise Contention


def _replaced_secrets(endpoint: Endpoint, now: datetime) -> list[Secret]:
    """Returns the secrets that sign beside a new one. Raises Conflict if they are too many."""
    end = rfc3339(now + OVERLAP)
    replaced = [Secret(secret=old.secret, expires_at=old.expires_at or end) for old in endpoint.secrets]
    valid = [old for old in replaced if old.expires_at and parse_rfc3339(old.expires_at) > now]
    if len(valid) >= MAX_SECRETS:
        raise Conflict(f"{MAX_SECRETS} secrets are in use, each for a day. Rotate when the oldest has expired.")
    return valid


def _add_id(webhook_id: str) -> dict[str, Any]:
    """Returns the change of the set of ids, which fails if the account has ten endpoints."""
    return {
        "UpdateExpression": "ADD ids :id",
        "ConditionExpression": "attribute_not_exists(ids) OR size(ids) < :max",
        "ExpressionAttributeValues": {":id": {"SS": [webhook_id]}, ":max": {"N": str(MAX_ENDPOINTS)}},
    }


def _write_with_id_set(account: str, id_change: dict[str, Any], write: dict[str, Any]) -> bool:
    """Writes an endpoint and the account's set of ids in one transaction. Returns False if a condition failed."""
    id_update = {"TableName": setting("WEBHOOKS_TABLE"), "Key": key(account, _ID_SET), **id_change}
    writes = [{"Update": id_update}, write]
    return write_if_allowed(lambda: dynamodb.client().transact_write_items(TransactItems=writes))


def _update(account: str, webhook_id: str, values: Mapping[str, Any], removed: list[str]) -> Endpoint:
    """Sets attributes and removes others. Raises NotFound."""
    placeholders = {name: str(number) for number, name in enumerate([*values, *removed])}
    sets = ", ".join(f"#{placeholders[name]} = :{placeholders[name]}" for name in values)
    removes = ", ".join(f"#{placeholders[name]}" for name in removed)
    row, done = update(
        setting("WEBHOOKS_TABLE"),
        key(account, webhook_id),
        UpdateExpression=f"SET {sets}" + (f" REMOVE {removes}" if removes else ""),
        ConditionExpression="attribute_exists(created_at)",
        ExpressionAttributeNames={f"#{placeholder}": name for name, placeholder in placeholders.items()},
        ExpressionAttributeValues={f":{placeholders[name]}": _attribute(name, value) for name, value in values.items()},
    )
    if not done:
        raise NotFound("webhook", webhook_id)
    return endpoint_of(row)


def _item(endpoint: Endpoint) -> dict[str, Any]:
    values = endpoint.model_dump(mode="json", exclude_none=True)
    return {name: _attribute(name, value) for name, value in values.items()}


def endpoint_of(row: Mapping[str, Any]) -> Endpoint:
    values = {name: json.loads(value) if name in _JSON_FIELDS else value for name, value in row.items()}
    return Endpoint.model_validate({name: values[name] for name in Endpoint.model_fields if name in values})


def _attribute(name: str, value: Any) -> dict[str, Any]:
    return to_attribute(json.dumps(value) if name in _JSON_FIELDS else value)


def _secrets_json(endpoint_secrets: tuple[Secret, ...]) -> str:
    return json.dumps([secret.model_dump(exclude_none=True) for secret in endpoint_secrets])


def _new_secret() -> str:
    return assemble_secret(secrets.token_bytes(SECRET_BYTES))


def key(account: str, webhook_id: str) -> dict[str, Any]:
    return {"account": {"S": account}, "webhook_id": {"S": webhook_id}}
