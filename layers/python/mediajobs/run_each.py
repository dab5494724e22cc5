"""Runs an action for each of several items, so that one failure does not prevent the others."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Item = TypeVar("Item")


def run_each(items: Iterable[Item], action: Callable[[Item], object]) -> list[Item]:
    """Returns the items for which `action` returned something true. All items are handled, whatever fails.

    Raises an ExceptionGroup at the end if any failed.
    """
    handled: list[Item] = []
    failures: list[Exception] = []
    for item in items:
        try:
            if action(item):
                handled.append(item)
        except Exception as error:  # noqa: BLE001 - raised below, after all items were handled
            error.add_note(f"The item was {item}.")
            failures.append(error)
    if failures:
        raise ExceptionGroup(f"{len(failures)} failed", failures)
    return handled
