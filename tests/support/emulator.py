"""A MiniStack of a test's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.local import emulator, processes
from infra.local.checks import free_port
from infra.local.errors import StackError
from infra.local.home import Home
from tests.support.waiting import HANG_SECONDS

_STARTS = 5  # another process may take a port between the moment it is found and the moment it is bound


@contextmanager
def ministack(folder: Path) -> Iterator[Any]:
    """A session to a MiniStack whose files are in `folder`; it ends with the block."""
    home = Home(folder)
    home.make()
    try:
        yield emulator.session(emulator.endpoint(_start(home)))
    finally:
        processes.stop_all(home)


def _start(home: Home) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emulator, "START_SECONDS", HANG_SECONDS)
        for tries_left in reversed(range(_STARTS)):
            port = free_port(0)
            try:
                emulator.start(home, port)
            except StackError:
                if not tries_left:
                    raise
            else:
                return port
    raise AssertionError("unreachable")
