"""Many things to do, of which none that fails may keep the others from being done."""

from collections.abc import Callable, Iterable
from typing import TypeVar

Thing = TypeVar("Thing")


def run_each(things: Iterable[Thing], act: Callable[[Thing], object]) -> list[Thing]:
    """The things for which `act` gives something true. Each has its turn.

    Raises an ExceptionGroup at the end where some failed.
    """
    found: list[Thing] = []
    failures: list[Exception] = []
    for thing in things:
        try:
            if act(thing):
                found.append(thing)
        except Exception as error:  # noqa: BLE001 - whatever it was, it is raised when all have had their turn
            error.add_note(f"This was the turn of {thing}.")
            failures.append(error)
    if failures:
        raise ExceptionGroup(f"{len(failures)} failed", failures)
    return found
