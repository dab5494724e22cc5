"""How fast each stage was for finished jobs: what ETAs are made of."""

from collections.abc import Mapping

from pynamodb.exceptions import DoesNotExist, UpdateError

from mediajobs.jobs import eta
from mediajobs.jobs.tables import CounterRow

_NAME = "rates"


def read() -> dict[str, eta.Rate]:
    try:
        return CounterRow.get(_NAME).rates or {}
    except DoesNotExist:
        return {}


def learn(seconds: Mapping[str, float], duration: float) -> None:
    """Adds a finished job: seconds by stage, of `duration` seconds of media."""
    try:
        row = CounterRow.get(_NAME, consistent_read=True)
    except DoesNotExist:
        row = CounterRow(_NAME, rates={}, version=0)
    rates = dict(row.rates or {})
    for stage, spent in seconds.items():
        rates[stage] = eta.learn(rates.get(stage), spent, duration)
    unchanged = CounterRow.name.does_not_exist() | (CounterRow.version == row.version)
    try:
        CounterRow(_NAME).update(
            [CounterRow.rates.set(rates), CounterRow.version.set((row.version or 0) + 1)], condition=unchanged
        )
    except UpdateError as error:
        # Another job finished at the same moment. One measurement of many is lost: the ETA does not notice.
        if error.cause_response_code != "ConditionalCheckFailedException":
            raise
