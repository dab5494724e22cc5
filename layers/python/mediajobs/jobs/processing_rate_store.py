"""How fast each stage was for finished jobs: what ETAs are made of."""

from collections.abc import Mapping

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action

from mediajobs.aws.conditional_writes import write_if_allowed
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
    actions: list[Action] = [CounterRow.rates.set(rates), CounterRow.version.set((row.version or 0) + 1)]
    # Where another job finished at the same moment, one measurement of many is lost: the ETA does not need it.
    write_if_allowed(lambda: CounterRow(_NAME).update(actions, condition=unchanged))
