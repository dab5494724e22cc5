"""Limits how many tasks run at a time.

Each kind of task has its own slots. So the media and the transcription of a job run side by side, two transcriptions
never hold two models in memory, and a validation, which is light, does not queue behind an hour of either.
A task whose kind is busy waits in the worker. A worker takes at most twice as many tasks as it has slots. Then it stops
polling, so that a second machine gets tasks too.
"""

import threading
from collections import defaultdict

KINDS = 3  # validate, media, transcribe


class Slots:
    def __init__(self, per_kind: int) -> None:
        self.max_tasks = 2 * KINDS * per_kind
        self._free = defaultdict[str, threading.Semaphore](lambda: threading.Semaphore(per_kind))
        self._lock = threading.Lock()

    def for_kind(self, kind: str) -> threading.Semaphore:
        with self._lock:  # two first tasks of a kind must not create two semaphores
            return self._free[kind]
