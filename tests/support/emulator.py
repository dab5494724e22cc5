"""A MiniStack of a test's own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from infra.local import emulator, processes
from infra.local.ports import free_port
from infra.local.stack_error import StackError
from infra.local.stack_folder import StackFolder
from tests.support.waiting import HANG_SECONDS

_STARTS = 5  # another process may take a port between the moment it is found and the moment it is bound


@contextmanager
def ministack(folder: Path) -> Iterator[Any]:
    """A session to a MiniStack whose files are in `folder`; it ends with the block."""
    stack_folder = StackFolder(folder)
    stack_folder.create()
    try:
        yield emulator.session(emulator.endpoint(_start(stack_folder)))
    finally:
        processes.stop_all(stack_folder)


def _start(folder: StackFolder) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(emulator, "START_TIMEOUT_SECONDS", HANG_SECONDS)
        for tries_left in reversed(range(_STARTS)):
            port = free_port(0)
            try:
                emulator.start(folder, port)
            except StackError:
                if not tries_left:
                    raise
            else:
                return port
    raise AssertionError("unreachable")
