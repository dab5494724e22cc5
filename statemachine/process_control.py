"""Sets attributes of this process by prctl(2): who may inspect it, and what becomes of its descendants."""

import ctypes
import os
from typing import Any

_PR_SET_DUMPABLE, _PR_SET_CHILD_SUBREAPER, _PR_GET_CHILD_SUBREAPER = 4, 36, 37


def forbid_inspection() -> None:
    """From now on no other process of the same user can read this one's environment or memory, or attach to it.

    A program that this process executes can be inspected again. Raises OSError.
    """
    _control(_PR_SET_DUMPABLE, 0)


def adopt_orphans() -> None:
    """From now on a descendant whose parent ends becomes a child of this process, so that it can be found and ended."""
    _control(_PR_SET_CHILD_SUBREAPER, 1)


def adopts_orphans() -> bool:
    answer = ctypes.c_int()
    _control(_PR_GET_CHILD_SUBREAPER, ctypes.byref(answer))
    return bool(answer.value)


def _control(option: int, argument: Any) -> None:
    """Calls prctl(2). Raises OSError."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(option, argument, 0, 0, 0):
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
