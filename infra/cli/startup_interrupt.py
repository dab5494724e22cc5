"""Ctrl-C while the command line is still being loaded: nothing has begun, so it just ends. The first import of main."""

import os
import signal
import threading

_INTERRUPTED = 130  # as failures has it, which loads more than this may


def _end(*_: object) -> None:
    os._exit(_INTERRUPTED)


def loaded() -> None:
    """From now on the commands have it."""
    if signal.getsignal(signal.SIGINT) is _end:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# A shell's background job is deaf to Ctrl-C, and stays so; only a main thread may change that.
if threading.current_thread() is threading.main_thread() and (
    signal.getsignal(signal.SIGINT) is signal.default_int_handler
):
    signal.signal(signal.SIGINT, _end)
