"""Which accounts may have jobs to admit: what the sweep looks at when an event was lost or the system was full."""

from pynamodb.exceptions import DoesNotExist

from mediajobs.stores.rows import CounterRow

_NAME = "waiting"


def note(account: str) -> None:
    """Comes before the job is queued: an account without waiting jobs does no harm here, the reverse would."""
    CounterRow(_NAME).update([CounterRow.accounts.add({account})])


def forget(account: str) -> None:
    CounterRow(_NAME).update([CounterRow.accounts.delete({account})])


def accounts() -> frozenset[str]:
    try:
        return frozenset(CounterRow.get(_NAME, consistent_read=True).accounts or ())
    except DoesNotExist:
        return frozenset()
