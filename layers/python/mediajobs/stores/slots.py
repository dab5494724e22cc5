"""Concurrency slots: which jobs run, by account and in all, noted in the very write that starts or ends a job."""

from dataclasses import dataclass

from pynamodb.exceptions import DoesNotExist, TransactWriteError
from pynamodb.expressions.condition import size
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


def take(transaction: TransactWrite, admission: Admission, account: str, job_id: str) -> None:
    for name, limit in ((_of(account), admission.account_limit), (_SYSTEM, admission.system_limit)):
        free = CounterRow.running.does_not_exist() | (size(CounterRow.running) < limit)
        transaction.update(CounterRow(name), [CounterRow.running.add({job_id})], condition=free)


def release(transaction: TransactWrite, account: str, job_id: str) -> None:
    for name in (_of(account), _SYSTEM):
        transaction.update(CounterRow(name), [CounterRow.running.delete({job_id})])


def raise_if_full(error: TransactWriteError, admission: Admission | None) -> None:
    """Raises Full if a limit, and not a lost race for the row, cancelled the transaction."""
    if admission is None:
        return
    failed = [reason is not None and reason.code == "ConditionalCheckFailed" for reason in error.cancellation_reasons]
    if len(failed) != len(_ADMITTING) or failed[_ADMITTING.index("job")]:
        return
    if failed[_ADMITTING.index("account")]:
        raise Full("account") from error
    if failed[_ADMITTING.index("system")]:
        raise Full("system") from error


def running(account: str | None = None) -> frozenset[str]:
    """The jobs of the account, or of all, that hold a slot."""
    try:
        return frozenset(CounterRow.get(_of(account) if account else _SYSTEM, consistent_read=True).running or ())
    except DoesNotExist:
        return frozenset()


def _of(account: str) -> str:
    return f"account#{account}"
