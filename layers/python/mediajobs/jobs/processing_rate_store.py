"""How long each stage took in finished jobs: item `rates` of the counters table, which ETAs are computed from."""

from collections.abc import Mapping

from pynamodb.exceptions import DoesNotExist
from pynamodb.expressions.update import Action

from mediajobs.aws.conditional_writes import write_if_allowed
from mediajobs.jobs import eta
from mediajobs.jobs.tables import CounterRow

_NAME = "rates"


def read() -> dict[str, eta.Rate]:
    """The rates by stage; empty before the first job has finished."""
    try:
        return CounterRow.get(_NAME).rates or {}
    except DoesNotExist:
        return {}


def learn(seconds: Mapping[str, float], duration: float) -> None:
    """Adds a finished job. `seconds`: computing time by stage; `duration`: of the media, in seconds."""
    try:
        row = CounterRow.get(_NAME, consistent_read=True)
    except DoesNotExist:
        row = CounterRow(_NAME, rates={}, version=0)
    rates = dict(row.rates or {})
    for stage, stage_seconds in seconds.items():
        rates[stage] = eta.learn(rates.get(stage), stage_seconds, duration)
    unchanged = CounterRow.name.does_not_exist() | (CounterRow.version == row.version)
    actions: list[Action] = [CounterRow.rates.set(rates), CounterRow.version.set((row.version or 0) + 1)]
    # Where another job finished at the same moment the write is refused. One measurement of many is lost, which ETAs
    # can do without.
    write_if_allowed(lambda: CounterRow(_NAME).update(actions, condition=unchanged))
