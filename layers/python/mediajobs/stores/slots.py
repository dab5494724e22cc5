"""Concurrency slots: how many jobs run, by account and in all, counted in the very write that starts or ends a job."""

from collections.abc import Iterable
from dataclasses import dataclass

from pynamodb.exceptions import DoesNotExist, TransactWriteError
from pynamodb.transactions import TransactWrite

from mediajobs.progress import Progress
from mediajobs.stores.rows import CounterRow

_SYSTEM = "system"
_ADMITTING = ("progress", "job", "account", "system")  # what an admission writes; a transaction sends puts first


@dataclass(frozen=True)
class Admission:
    """The limits under which a job may start, and the progress that it starts with."""

    account_limit: int
    system_limit: int
    progress: Progress


class Full(Exception):
    """No slot is free: `scope` is `account` or `system`."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"the {scope}'s concurrency limit is reached")
        self.scope = scope


def take(transaction: TransactWrite, admission: Admission, account: str) -> None:
    for name, limit in ((_of(account), admission.account_limit), (_SYSTEM, admission.system_limit)):
        free = CounterRow.running.does_not_exist() | (CounterRow.running < limit)
        transaction.update(CounterRow(name), [CounterRow.running.add(1)], condition=free)


def release(transaction: TransactWrite, account: str) -> None:
    for name in (_of(account), _SYSTEM):
        transaction.update(CounterRow(name), [CounterRow.running.add(-1)])


def raise_if_full(error: TransactWriteError, admission: Admission | None, account: str) -> None:
    """Raises Full if a limit, and not a lost race for the row, cancelled the transaction."""
    if admission is None:
        return
    failed = [reason is not None and reason.code == "ConditionalCheckFailed" for reason in error.cancellation_reasons]
    if len(failed) != len(_ADMITTING) or failed[_ADMITTING.index("job")]:
        return
    if failed[_ADMITTING.index("account")]:
        raise Full("account") from error
    if failed[_ADMITTING.index("system")]:
        block(account)
        raise Full("system") from error


def running(account: str | None = None) -> int:
    """How many jobs of the account, or of all, hold a slot."""
    try:
        return int(CounterRow.get(_of(account) if account else _SYSTEM, consistent_read=True).running or 0)
    except DoesNotExist:
        return 0


def block(account: str) -> None:
    """Remembers that jobs of this account wait for the system to have a free slot."""
    CounterRow(_SYSTEM).update([CounterRow.blocked.add({account})])


def unblock(accounts: Iterable[str]) -> None:
    gone = set(accounts)
    if gone:
        CounterRow(_SYSTEM).update([CounterRow.blocked.delete(gone)])


def blocked() -> frozenset[str]:
    try:
        return frozenset(CounterRow.get(_SYSTEM, consistent_read=True).blocked or ())
    except DoesNotExist:
        return frozenset()


def _of(account: str) -> str:
    return f"account#{account}"
