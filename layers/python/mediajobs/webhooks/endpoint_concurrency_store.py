"""Limits the concurrent requests to one endpoint, and records whether the endpoint works.

An endpoint's item has a few slots. A slow receiver therefore occupies few workers. The write that takes a slot also
reads the endpoint, and the write that releases it also records the outcome.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mediajobs.aws.conditional_writes import update
from mediajobs.aws.dynamodb import Item, to_item
from mediajobs.settings import setting
from mediajobs.timestamps import parse_rfc3339, rfc3339, to_milliseconds
from mediajobs.webhooks import retry_policy
from mediajobs.webhooks.endpoint_store import endpoint_of, key
from mediajobs.webhooks.endpoints import Endpoint

MAX_CONCURRENT = 5  # requests to one endpoint at a time
_UNCHANGED = "updated_at = :updated_at"  # the outcome is about the endpoint as it was when the request was sent
_SLOTS = tuple(f"slot_{number}" for number in range(MAX_CONCURRENT))  # attributes: until when the slot is taken


class EndpointBusy(Exception):
    """All slots of the endpoint are taken."""


class EndpointUnavailable(Exception):
    """The endpoint was disabled or deleted. The argument is `webhook_disabled` or `webhook_deleted`."""


@dataclass(frozen=True)
class EndpointSlot:
    """The right to send one request to an endpoint. `name` is the slot's attribute."""

    endpoint: Endpoint
    name: str


def acquire(account: str, webhook_id: str, now: datetime, lease: timedelta) -> EndpointSlot:
    """Reads the endpoint and takes a slot, until `release` or for as long as `lease`.

    One write, or more if a slot is taken. Raises EndpointBusy or EndpointUnavailable.
    """
    moment, until = to_milliseconds(now), to_milliseconds(now + lease)
    free = list(_SLOTS)
    while free:
        slot = free[moment % len(free)]
        row, done = _update(
            account,
            webhook_id,
            f"SET {slot} = :until",
            f"enabled = :yes AND (attribute_not_exists({slot}) OR {slot} <= :now)",
            until=until,
            yes=True,
            now=moment,
        )
        if done:
            return EndpointSlot(endpoint_of(row), slot)
        if not row.get("enabled"):
            raise EndpointUnavailable("webhook_disabled" if row else "webhook_deleted")
        free = [other for other in free if other != slot and int(row.get(other, 0)) <= moment]
    raise EndpointBusy(webhook_id)


def release(slot: EndpointSlot, now: datetime, *, delivered: bool | None) -> None:
    """Releases a slot, and records whether the endpoint accepted the request; None if no request was made.

    Disables an endpoint that has done nothing but fail for five days. A failure does not count if the owner has
    changed the endpoint since.
    """
    endpoint = slot.endpoint
    if delivered is False:
        row, done = _release_after_failure(slot, now)
        if done:
            _disable_if_failing(endpoint, row.get("failing_since"), now)
            return
    verified = {"url": endpoint.url} if delivered else {}
    _update(
        endpoint.account,
        endpoint.webhook_id,
        f"REMOVE {slot.name}" + (", failing_since, failed_at SET verified_url = :url" if delivered else ""),
        "attribute_exists(webhook_id)",
        **verified,
    )


def disable(endpoint: Endpoint, reason: str, now: datetime, *, still_failing_since: str | None = None) -> None:
    """Disables an endpoint until its owner enables it. Does nothing if the owner has changed it since it was read.

    With `still_failing_since`, does nothing either if a delivery has succeeded since.
    """
    condition, values = f"enabled = :yes AND {_UNCHANGED}", {}
    if still_failing_since:
        condition, values = f"{condition} AND failing_since = :since", {"since": still_failing_since}
    _update(
        endpoint.account,
        endpoint.webhook_id,
        "SET enabled = :no, disabled_reason = :reason, updated_at = :now",
        condition,
        no=False,
        yes=True,
        reason=reason,
        now=rfc3339(now),
        updated_at=endpoint.updated_at,
        **values,
    )


def _release_after_failure(slot: EndpointSlot, now: datetime) -> tuple[Item, bool]:
    """Releases the slot and records the failure in one write."""
    endpoint = slot.endpoint
    since = retry_policy.failing_since(endpoint.failing_since, endpoint.failed_at, now)
    continues = since < now  # else a new series of failures begins and replaces the recorded one
    first_failure = "if_not_exists(failing_since, :since)" if continues else ":since"
    return _update(
        endpoint.account,
        endpoint.webhook_id,
        f"REMOVE {slot.name} SET failing_since = {first_failure}, failed_at = :now",
        _UNCHANGED,
        since=rfc3339(since),
        now=rfc3339(now),
        updated_at=endpoint.updated_at,
    )


def _disable_if_failing(endpoint: Endpoint, since: str | None, now: datetime) -> None:
    if since and retry_policy.should_disable(parse_rfc3339(since), now):
        reason = f"Nothing but failure since {since}. Put it right, enable it, and recover what was missed."
        disable(endpoint, reason, now, still_failing_since=since)


def _update(account: str, webhook_id: str, expression: str, condition: str, **values: Any) -> tuple[Item, bool]:
    """Updates an endpoint's item. Returns it, and whether the condition held. `:name` stands for `values[name]`."""
    arguments = {f":{name}": value for name, value in to_item(values).items()}
    return update(
        setting("WEBHOOKS_TABLE"),
        key(account, webhook_id),
        UpdateExpression=expression,
        ConditionExpression=condition,
        **({"ExpressionAttributeValues": arguments} if arguments else {}),
    )
