"""The concurrency limits: which jobs run, for each account and in all, and which are open where a quota counts them.

Both are sets of job ids in the counters table, changed in the same transaction that creates, starts or ends a job.
"""

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
# The items that the transaction of an admission writes, in the order of its cancellation reasons: puts come first.
_ADMISSION_ITEMS = ("progress", "job", "account", "system")


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
    """Adds to the transaction that starts a job: it takes a slot of its account and of the system, if both are free."""
    for name, limit in ((_name(account), admission.account_limit), (_SYSTEM, admission.system_limit)):
        free = CounterRow.running.does_not_exist() | (size(CounterRow.running) < limit)
        transaction.update(CounterRow(name), [CounterRow.running.add({job_id})], condition=free)


def reserve_open_job(transaction: TransactWrite, quota: int, account: str, job_id: str) -> None:
    """Adds to the transaction that creates or retries a job: it becomes one of the account's open jobs, if the quota
    allows one more."""
    below_quota = CounterRow.open.does_not_exist() | (size(CounterRow.open) < quota)
    transaction.update(item_of(account), [CounterRow.open.add({job_id})], condition=below_quota)


def release_slot(transaction: TransactWrite, account: str, job_id: str, *, ran: bool) -> None:
    """Adds to the transaction that ends a job: it gives up what it holds. `ran`: it had a slot of the system."""
    releases: list[Action] = [CounterRow.running.delete({job_id}), CounterRow.open.delete({job_id})]
    transaction.update(item_of(account), releases)
    if ran:
        transaction.update(CounterRow(_SYSTEM), [CounterRow.running.delete({job_id})])


def raise_if_over_quota(error: TransactWriteError, quota: int | None) -> None:
    """Raises QuotaExceeded if the quota alone cancelled a transaction that writes the job and reserves it as open."""
    if quota is not None and failed_conditions(error) == [False, True]:
        raise concurrency_quota_exceeded(quota) from error


def raise_if_no_slot(error: TransactWriteError, admission: Admission | None) -> None:
    """Raises NoFreeSlot if a limit, and not a lost race for the row, cancelled the transaction."""
    if admission is None:
        return
    failed = failed_conditions(error)
    if len(failed) != len(_ADMISSION_ITEMS) or failed[_ADMISSION_ITEMS.index("job")]:
        return
    if failed[_ADMISSION_ITEMS.index("account")]:
        raise NoFreeSlot("account") from error
    if failed[_ADMISSION_ITEMS.index("system")]:
        raise NoFreeSlot("system") from error


def running(account: str | None = None) -> frozenset[str]:
    """The ids of the jobs that hold a slot: of one account, or of all where none is named."""
    try:
        return frozenset(CounterRow.get(_name(account) if account else _SYSTEM, consistent_read=True).running or ())
    except DoesNotExist:
        return frozenset()


def running_request(account: str) -> batch_items.BatchRead:
    """The read of an account's running jobs, for a batch read with others. `running_of` takes its result."""
    return batch_items.BatchRead(setting("COUNTERS_TABLE"), [{"name": {"S": _name(account)}}], ("running",))


def running_of(images: Iterable[batch_items.Image]) -> frozenset[str]:
    return frozenset(job_id for image in images for job_id in image.get("running", {"SS": ()})["SS"])


def item_of(account: str) -> CounterRow:
    """The account's item of the counters table, to be read or changed by the caller."""
    return CounterRow(_name(account))


def _name(account: str) -> str:
    return f"account#{account}"
