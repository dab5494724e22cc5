"""How many requests to one endpoint are on their way, and what their outcome says about it.

A slow receiver may only ever keep a few of the workers waiting. Taking a place is also how the endpoint is read.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from mediajobs.aws.conditional_writes import update
from mediajobs.aws.dynamodb import Item
from mediajobs.settings import setting
from mediajobs.timestamps import milliseconds, parse, rfc3339
from mediajobs.webhooks import retry_policy
from mediajobs.webhooks.endpoint_store import endpoint_of, key
from mediajobs.webhooks.endpoints import Endpoint

MAX_CONCURRENT = 5  # requests to one endpoint at a time
_UNCHANGED = "updated_at = :seen"  # what an attempt tells is about the endpoint as it was then
_PLACES = tuple(f"flight_{number}" for number in range(MAX_CONCURRENT))


class EndpointBusy(Exception):
    """As many requests as may be are on their way to this endpoint."""


class EndpointUnavailable(Exception):
    """The endpoint was disabled or deleted. Its argument says which."""


@dataclass(frozen=True)
class EndpointSlot:
    """One of the few requests that may be on their way to an endpoint."""

    endpoint: Endpoint
    name: str


def acquire(account: str, webhook_id: str, now: datetime, lease: timedelta) -> EndpointSlot:
    """The endpoint, and one of its few places for a request, kept until `leave` or for as long as `lease`.

    In one write, two where the place was taken. Raises Full, or Closed.
    """
    moment, until = milliseconds(now), milliseconds(now + lease)
    free = list(_PLACES)
    while free:
        place = free[moment % len(free)]
        row, done = update(
            setting("WEBHOOKS_TABLE"),
            key(account, webhook_id),
            UpdateExpression=f"SET {place} = :until",
            ConditionExpression=f"enabled = :yes AND (attribute_not_exists({place}) OR {place} <= :now)",
            ExpressionAttributeValues={
                ":yes": {"BOOL": True},
                ":now": {"N": str(moment)},
                ":until": {"N": str(until)},
            },
        )
        if done:
            return EndpointSlot(endpoint_of(row), place)
        if not row.get("enabled"):
            raise EndpointUnavailable("webhook_disabled" if row else "webhook_deleted")
        free = [other for other in free if other != place and int(row.get(other, 0)) <= moment]
    raise EndpointBusy(webhook_id)


def release(flight: EndpointSlot, now: datetime, *, delivered: bool | None) -> None:
    """Gives the place back, and notes whether the endpoint works; None where that was not found out.

    One that has done nothing but fail for five days is disabled. One that its owner changed meanwhile has not failed.
    """
    endpoint = flight.endpoint
    if delivered is False:
        row, noted = _failed(flight, now)
        since = row.get("failing_since")
        if noted and since and retry_policy.should_disable(parse(since), now):
            reason = f"Nothing but failure since {since}. Put it right, enable it, and recover what was missed."
            disable(endpoint, reason, now, still_failing_since=since)
        if noted:
            return
    update(
        setting("WEBHOOKS_TABLE"),
        key(endpoint.account, endpoint.webhook_id),
        UpdateExpression=f"REMOVE {flight.name}" + (", failing_since, failed_at" if delivered else ""),
        ConditionExpression="attribute_exists(webhook_id)",
    )


def disable(endpoint: Endpoint, reason: str, now: datetime, *, still_failing_since: str | None = None) -> None:
    """Nothing is sent to it until its owner enables it; nothing changes where its owner has changed it since.

    `still_failing_since`: only if that is still so.
    """
    values = {":no": {"BOOL": False}, ":yes": {"BOOL": True}, ":reason": {"S": reason}, ":now": {"S": rfc3339(now)}}
    condition = f"enabled = :yes AND {_UNCHANGED}"
    values[":seen"] = {"S": endpoint.updated_at}
    if still_failing_since:
        condition += " AND failing_since = :since"
        values[":since"] = {"S": still_failing_since}
    update(
        setting("WEBHOOKS_TABLE"),
        key(endpoint.account, endpoint.webhook_id),
        UpdateExpression="SET enabled = :no, disabled_reason = :reason, updated_at = :now",
        ConditionExpression=condition,
        ExpressionAttributeValues=values,
    )


def _failed(flight: EndpointSlot, now: datetime) -> tuple[Item, bool]:
    """Notes it, and gives the place back in the same write."""
    endpoint = flight.endpoint
    since = retry_policy.failing_since(endpoint.failing_since, endpoint.failed_at, now)
    goes_on = since < now  # else it begins now, whatever stands there
    first = "if_not_exists(failing_since, :since)" if goes_on else ":since"
    return update(
        setting("WEBHOOKS_TABLE"),
        key(endpoint.account, endpoint.webhook_id),
        UpdateExpression=f"REMOVE {flight.name} SET failing_since = {first}, failed_at = :now",
        ConditionExpression=_UNCHANGED,
        ExpressionAttributeValues={
            ":since": {"S": rfc3339(since)},
            ":now": {"S": rfc3339(now)},
            ":seen": {"S": endpoint.updated_at},
        },
    )
