"""Which jobs run, by account and in all, and which are open where a quota counts them: sets of ids, changed in the very
write that creates, starts or ends a job."""

from collections.abc import Iterable
from dataclasses import dataclass

from pynamodb.exceptions import DoesNotExist, TransactWriteError
from pynamodb.expressions.condition import size
from pynamodb.expressions.update import Action
from pynamodb.transactions import TransactWrite

from mediajobs.aws import batch_items
from mediajobs.aws.conditional_writes import failed_conditions
from mediajobs.errors import concurrency_quota_exceeded
from mediajobs.jobs.progress import Progress
from mediajobs.jobs.tables import CounterRow
from mediajobs.settings import setting

_SYSTEM = "system"
_ADMITTING = ("progress", "job", "account", "system")  # what an admission writes; a transaction sends puts first


@dataclass(frozen=True)
class Admission:
    """The limits under which a job may start, and the progress that it starts with."""

    account_limit: int
    system_limit: int
    progress: Progress


class NoFreeSlot(Exception):
    """No slot is free: `scope` is `account` or `system`."""

    def __init__(self, scope: str) -> None:
        super().__init__(f"the {scope}'s concurrency limit is reached")
        self.scope = scope


def reserve_slot(transaction: TransactWrite, admission: Admission, account: str, job_id: str) -> None:
    for name, limit in ((_of(account), admission.account_limit), (_SYSTEM, admission.system_limit)):
        free = CounterRow.running.does_not_exist() | (size(CounterRow.running) < limit)
        transaction.update(CounterRow(name), [CounterRow.running.add({job_id})], condition=free)


def reserve_open_job(transaction: TransactWrite, quota: int, account: str, job_id: str) -> None:
    """The job becomes one of the account's open ones, if there is room."""
    room = CounterRow.open.does_not_exist() | (size(CounterRow.open) < quota)
    transaction.update(item_of(account), [CounterRow.open.add({job_id})], condition=room)


def release_slot(transaction: TransactWrite, account: str, job_id: str, *, ran: bool) -> None:
    """The job ends. What it never had is not missed."""
    both: list[Action] = [CounterRow.running.delete({job_id}), CounterRow.open.delete({job_id})]
    transaction.update(item_of(account), both)
    if ran:
        transaction.update(CounterRow(_SYSTEM), [CounterRow.running.delete({job_id})])


def raise_if_over_quota(error: TransactWriteError, quota: int | None) -> None:
    """Raises QuotaExceeded if the quota alone cancelled a transaction that writes the job and takes a place."""
    if quota is not None and failed_conditions(error) == [False, True]:
        raise concurrency_quota_exceeded(quota) from error


def raise_if_no_slot(error: TransactWriteError, admission: Admission | None) -> None:
    """Raises NoFreeSlot if a limit, and not a lost race for the row, cancelled the transaction."""
    if admission is None:
        return
    failed = failed_conditions(error)
    if len(failed) != len(_ADMITTING) or failed[_ADMITTING.index("job")]:
        return
    if failed[_ADMITTING.index("account")]:
        raise NoFreeSlot("account") from error
    if failed[_ADMITTING.index("system")]:
        raise NoFreeSlot("system") from error


def running(account: str | None = None) -> frozenset[str]:
    """The jobs of the account, or of all, that hold a slot."""
    try:
        return frozenset(CounterRow.get(_of(account) if account else _SYSTEM, consistent_read=True).running or ())
    except DoesNotExist:
        return frozenset()


def wanted(account: str) -> batch_items.BatchRead:
    """The same, to be read together with something else: see `running_of`."""
    return batch_items.BatchRead(setting("COUNTERS_TABLE"), [{"name": {"S": _of(account)}}], ("running",))


def running_of(images: Iterable[batch_items.Image]) -> frozenset[str]:
    return frozenset(job_id for image in images for job_id in image.get("running", {"SS": ()})["SS"])


def item_of(account: str) -> CounterRow:
    """The account's item, to be read or changed."""
    return CounterRow(_of(account))


def _of(account: str) -> str:
    return f"account#{account}"
