"""Handles Ctrl-C while the command line is imported: nothing has started, so the process ends at once.

It must be the first import of `main`.
"""

import os
import signal
import threading

_EXIT_INTERRUPTED = 130  # as in command_errors, which is imported only after this module


def _exit(*_: object) -> None:
    os._exit(_EXIT_INTERRUPTED)


def imports_done() -> None:
    """From now on the commands handle Ctrl-C."""
    if signal.getsignal(signal.SIGINT) is _exit:
        signal.signal(signal.SIGINT, signal.default_int_handler)


# A shell starts a background job with SIGINT ignored, and this must stay. Only a main thread may set a handler.
if threading.current_thread() is threading.main_thread() and (
    signal.getsignal(signal.SIGINT) is signal.default_int_handler
):
    signal.signal(signal.SIGINT, _exit)
