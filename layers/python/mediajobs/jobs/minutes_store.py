"""The minutes of media that an account has used in each month: one item of the Counters table for each of both.

An attempt is charged in the transaction that moves its job to `transcoding`, so each attempt is charged once, whatever
becomes of it, and a quota holds exactly.
"""

from collections import Counter
from dataclasses import dataclass

from pynamodb.exceptions import DoesNotExist, TransactWriteError
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from mediajobs.aws.conditional_writes import failed_conditions
from mediajobs.errors import QuotaExceeded, minutes_quota_exceeded
from mediajobs.jobs.tables import CounterRow

_COUNTED = ("media_ms", "transcoded_ms", "transcribed_ms")


@dataclass(frozen=True)
class Charge:
    """What an attempt decodes, in ms of media. `media_ms` is what counts under a quota; `limit_ms`: None is no quota.

    `month` as in `2026-11`, `retry_after`: seconds until the next one.
    """

    month: str
    retry_after: int
    limit_ms: int | None
    media_ms: int
    transcoded_ms: int
    transcribed_ms: int

    @property
    def exceeded(self) -> QuotaExceeded:
        minutes = (self.limit_ms or 0) // 60_000
        return minutes_quota_exceeded(minutes, self.month, retry_after=self.retry_after)


def read(account: str, month: str) -> Counter[str]:
    """Returns `media_ms`, `transcoded_ms` and `transcribed_ms` of a month."""
    try:
        row = CounterRow.get(_name(account, month), consistent_read=True)
    except DoesNotExist:
        return Counter()
    return Counter({name: int(getattr(row, name) or 0) for name in _COUNTED})


def add(transaction: TransactWrite, account: str, charge: Charge) -> None:
    """Adds to the transaction that plans an attempt: the account is charged, if its quota allows. Raises QuotaExceeded
    where the attempt alone is more than the quota."""
    condition = None
    if charge.limit_ms is not None:
        if charge.media_ms > charge.limit_ms:
            raise charge.exceeded
        condition = CounterRow.media_ms.does_not_exist() | (CounterRow.media_ms <= charge.limit_ms - charge.media_ms)
    attributes = CounterRow.get_attributes()
    actions: list[Action] = [attributes[name].add(getattr(charge, name)) for name in _COUNTED]
    transaction.update(CounterRow(_name(account, charge.month)), actions, condition=condition)


def raise_if_used_up(error: TransactWriteError, charge: Charge | None) -> None:
    """Raises QuotaExceeded if the quota alone cancelled a transaction that writes the job and the charge."""
    if charge is not None and failed_conditions(error) == [False, True]:
        raise charge.exceeded from error


def _name(account: str, month: str) -> str:
    return f"minutes#{account}#{month}"
