"""Bounds the attempts that the endpoints of one account make at one host, and at all hosts together.

Ten endpoints may aim at one host, and several names may lead to one address, so a bound by endpoint is none for the
receiver. An account's item counts its attempts in windows of 15 seconds. A request lasts no longer than a window, so
this also bounds how many are in flight.
"""

from datetime import datetime
from typing import Any

from mediajobs.aws.conditional_writes import update
from mediajobs.aws.dynamodb import Item, to_item
from mediajobs.settings import setting
from mediajobs.timestamps import to_milliseconds
from mediajobs.webhooks.delivery import DEADLINE_SECONDS
from mediajobs.webhooks.endpoint_store import key
from mediajobs.webhooks.endpoints import Endpoint

WINDOW = round(1000 * DEADLINE_SECONDS)  # ms
MAX_TO_HOST = 300  # attempts of an account in a window: 1,200 a minute
MAX_TO_ALL = 750  # attempts of an account in a window, whatever their hosts: 3,000 a minute
_MAX_WINDOWS = 40  # an attempt is postponed by at most ten minutes at a time
_ITEM = "send_rates"  # beside the account's endpoints
_TRIES = 3  # a window may begin while an attempt is counted
_NO_HOSTS = {"M": dict[str, Any]()}


class RateExceeded(Exception):
    """The account sends too much to this host, or altogether. The attempt may be made in `seconds`."""

    def __init__(self, seconds: float) -> None:
        super().__init__(seconds)
        self.seconds = seconds


def count(endpoint: Endpoint, now: datetime) -> None:
    """Counts an attempt. Raises RateExceeded.

    One write, or three for the first attempt of a window. One that exceeds the rate is counted, too, so that those that
    wait are spread over the windows to come.
    """
    moment = to_milliseconds(now)
    start = moment - moment % WINDOW
    by_host = _count(endpoint, start)
    to_all = sum(min(number, MAX_TO_HOST) for number in by_host.values())  # what waits for one host delays no other
    windows = max(_windows_to_wait(by_host.get(endpoint.host, 0), MAX_TO_HOST), _windows_to_wait(to_all, MAX_TO_ALL))
    if windows:
        raise RateExceeded((start + min(windows, _MAX_WINDOWS) * WINDOW - moment) / 1000)


def _windows_to_wait(number: int, limit: int) -> int:
    """How many windows the attempt with this number, from 1, has to wait."""
    return max(number - 1, 0) // limit


def _count(endpoint: Endpoint, start: int) -> dict[str, int]:
    """Returns the account's attempts by host. They are empty if windows began at each try: then the attempt is made."""
    for _ in range(_TRIES):
        item, counted = _update(
            endpoint.account,
            "SET by_host.#host = if_not_exists(by_host.#host, :zero) + :one",
            "window_start >= :start",  # a later one is that of a worker whose clock is ahead
            to_item({":start": start, ":zero": 0, ":one": 1}),
            ExpressionAttributeNames={"#host": endpoint.host},
        )
        if counted:
            by_host: dict[str, int] = item["by_host"]
            return by_host
        _update(
            endpoint.account,
            "SET window_start = :start, by_host = :no_hosts",
            "attribute_not_exists(window_start) OR window_start < :start",
            {":no_hosts": _NO_HOSTS, **to_item({":start": start})},
        )
    return {}


def _update(
    account: str, expression: str, condition: str, values: dict[str, Any], **names: dict[str, str]
) -> tuple[Item, bool]:
    return update(
        setting("WEBHOOKS_TABLE"),
        key(account, _ITEM),
        UpdateExpression=expression,
        ConditionExpression=condition,
        ExpressionAttributeValues=values,
        **names,
    )
