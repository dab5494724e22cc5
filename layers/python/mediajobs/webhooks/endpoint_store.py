"""Webhook endpoints: at most ten an account, and their secrets."""

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
from mediajobs.timestamps import parse, rfc3339
from mediajobs.webhooks.endpoints import DEFAULT_EVENTS, MAX_ENDPOINTS, Endpoint, Secret
from mediajobs.webhooks.signatures import SECRET_BYTES, assemble_secret

OVERLAP = timedelta(hours=24)  # so long an old secret signs beside the new one
MAX_SECRETS = 10
_TRIES = 8
_ROSTER = "endpoints"  # the item that counts them
_JSON = ("events", "secrets")


def create(
    account: str,
    *,
    url: str,
    now: datetime,
    events: tuple[str, ...] = DEFAULT_EVENTS,
    description: str | None = None,
    enabled: bool = True,
) -> Endpoint:
    """Makes an endpoint with a secret of its own. Raises Conflict where the account has ten."""
    moment = rfc3339(now)
    endpoint = Endpoint(
        account=account,
        webhook_id=f"wh_{ULID()}",
        url=url,
        events=events,
        description=description,
        enabled=enabled,
        secrets=(Secret(secret=_secret()),),
        created_at=moment,
        updated_at=moment,
    )
    count: dict[str, Any] = {
        "UpdateExpression": "ADD ids :id",
        "ConditionExpression": "attribute_not_exists(ids) OR size(ids) < :most",
        "ExpressionAttributeValues": {":id": {"SS": [endpoint.webhook_id]}, ":most": {"N": str(MAX_ENDPOINTS)}},
    }
    put = {"Put": {"TableName": setting("WEBHOOKS_TABLE"), "Item": _item(endpoint)}}
    if not _with_roster(account, count, put):
        raise Conflict(f"An account has at most {MAX_ENDPOINTS} webhooks. Delete one that is not needed any more.")
    return endpoint


def get(account: str, webhook_id: str) -> Endpoint:
    """Raises NotFound."""
    item = _client().get_item(TableName=setting("WEBHOOKS_TABLE"), Key=key(account, webhook_id), ConsistentRead=True)
    if "Item" not in item or not webhook_id.startswith("wh_"):
        raise NotFound("webhook", webhook_id)
    return endpoint_of(from_item(item["Item"]))


def of_account(account: str) -> list[Endpoint]:
    """The oldest first."""
    answer = _client().query(
        TableName=setting("WEBHOOKS_TABLE"),
        KeyConditionExpression="account = :account AND begins_with(webhook_id, :prefix)",
        ExpressionAttributeValues={":account": {"S": account}, ":prefix": {"S": "wh_"}},
        ConsistentRead=True,
    )
    return [endpoint_of(from_item(item)) for item in answer["Items"]]


def change(account: str, webhook_id: str, changes: Mapping[str, Any], now: datetime) -> Endpoint:
    """Sets `url`, `events`, `description` or `enabled`. One that is enabled begins without a past, and so does one that
    is elsewhere now. Raises NotFound."""
    values = {**changes, "updated_at": rfc3339(now)}
    gone = ["disabled_reason"] if "enabled" in values else []
    gone += ["failing_since", "failed_at"] if values.get("enabled") or "url" in values else []
    gone += [name for name, value in values.items() if value is None]
    return _write(account, webhook_id, {name: value for name, value in values.items() if value is not None}, gone)


def delete(account: str, webhook_id: str) -> None:
    """What is on its way to it is not sent any more. Raises NotFound."""
    get(account, webhook_id)
    count: dict[str, Any] = {
        "UpdateExpression": "DELETE ids :id",
        "ExpressionAttributeValues": {":id": {"SS": [webhook_id]}},
    }
    gone = {"TableName": setting("WEBHOOKS_TABLE"), "Key": key(account, webhook_id)}
    if not _with_roster(account, count, {"Delete": {**gone, "ConditionExpression": "attribute_exists(webhook_id)"}}):
        raise NotFound("webhook", webhook_id)


def rotate(account: str, webhook_id: str, now: datetime) -> Endpoint:
    """A new secret, first of the endpoint's; the ones before it sign beside it for 24 hours from when they were
    replaced. Raises NotFound, Conflict where there would be more than ten, Contention."""
    for _ in backoff.attempts(_TRIES):
        before = get(account, webhook_id)
        ends = rfc3339(now + OVERLAP)
        old = [Secret(secret=each.secret, expires_at=each.expires_at or ends) for each in before.secrets]
        old = [each for each in old if each.expires_at and parse(each.expires_at) > now]
        if len(old) >= MAX_SECRETS:
            raise Conflict(f"{MAX_SECRETS} secrets are in use, each for a day. Rotate when the oldest has expired.")
        after = (Secret(secret=_secret()), *old)
        row, done = update(
            setting("WEBHOOKS_TABLE"),
            key(account, webhook_id),
            UpdateExpression="SET secrets = :after, updated_at = :now",
            ConditionExpression="secrets = :before",
            ExpressionAttributeValues={
                ":before": {"S": _secrets(before.secrets)},
                ":after": {"S": _secrets(after)},
                ":now": {"S": rfc3339(now)},
            },
        )
        if done:
            return endpoint_of(row)
    raise Contention


def _with_roster(account: str, count: dict[str, Any], write: dict[str, Any]) -> bool:
    """Whether both were written, the roster and the endpoint; neither is without the other."""
    roster = {"TableName": setting("WEBHOOKS_TABLE"), "Key": key(account, _ROSTER), **count}
    return write_if_allowed(lambda: _client().transact_write_items(TransactItems=[{"Update": roster}, write]))


def _write(account: str, webhook_id: str, values: Mapping[str, Any], gone: list[str]) -> Endpoint:
    names = {f"#{number}": name for number, name in enumerate([*values, *gone])}
    sets = [f"{place} = :{place[1:]}" for place, name in names.items() if name in values]
    removed = [place for place, name in names.items() if name not in values]
    row, done = update(
        setting("WEBHOOKS_TABLE"),
        key(account, webhook_id),
        UpdateExpression=f"SET {', '.join(sets)}" + (f" REMOVE {', '.join(removed)}" if removed else ""),
        ConditionExpression="attribute_exists(created_at)",
        ExpressionAttributeNames=names,
        ExpressionAttributeValues={
            f":{place[1:]}": _attribute(name, values[name]) for place, name in names.items() if name in values
        },
    )
    if not done:
        raise NotFound("webhook", webhook_id)
    return endpoint_of(row)


def _item(endpoint: Endpoint) -> dict[str, Any]:
    values = endpoint.model_dump(mode="json", exclude_none=True)
    return {name: _attribute(name, value) for name, value in values.items()}


def endpoint_of(row: Mapping[str, Any]) -> Endpoint:
    values = {name: json.loads(value) if name in _JSON else value for name, value in row.items()}
    return Endpoint.model_validate({name: values[name] for name in Endpoint.model_fields if name in values})


def _attribute(name: str, value: Any) -> dict[str, Any]:
    return to_attribute(json.dumps(value) if name in _JSON else value)


def _secrets(several: tuple[Secret, ...]) -> str:
    return json.dumps([each.model_dump(exclude_none=True) for each in several])


def _secret() -> str:
    return assemble_secret(secrets.token_bytes(SECRET_BYTES))


def key(account: str, webhook_id: str) -> dict[str, Any]:
    return {"account": {"S": account}, "webhook_id": {"S": webhook_id}}


def _client() -> Any:
    return dynamodb.dynamodb()
