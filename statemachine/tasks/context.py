"""What a task is given, and how it tells of its progress."""

import math
import os
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from mediajobs.aws import backoff
from mediajobs.errors import Contention, NotFound, Stopped
from mediajobs.jobs import job_store, progress_store
from mediajobs.jobs.lifecycle import RUNNING
from mediajobs.jobs.model import Job
from mediajobs.jobs.progress import TaskProgress
from mediajobs.media.manifests import TaskManifest
from mediajobs.media.options import Options
from mediajobs.media.source import SourceFacts
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.object_keys import manifest_key, source_key

_SECONDS_BETWEEN_WRITES = 2.0
# Together about a minute, within which whoever writes the same items at the same time has finished.
_TRIES, _FIRST_PAUSE, _MAX_PAUSE = 12, 0.25, 10.0  # pauses in seconds


class Reporter(Protocol):
    """Progress in percent, by task. Every method raises Stopped when the job does not want this attempt any more."""

    def update(self, **percent: float) -> None: ...
    def finish(self, *tasks: str) -> None: ...
    def skip(self, **reasons: str) -> None: ...


@dataclass(frozen=True)
class Context:
    """One run of one task. `source` is there once the job was validated; `source_url` only if nothing is uploaded."""

    job_id: str
    attempt: int
    filename: str
    options: Options
    source: SourceFacts | None
    source_url: str | None
    objects: MediaBucket
    reporter: Reporter
    models_dir: Path
    base_attempt: int = 1  # what earlier attempts made does not count

    def made_before(self, task: str) -> TaskManifest | None:
        """What an earlier run of the task made, if it counts and all of it is still there: nothing is left to do."""
        found = self.objects.read_json(manifest_key(self.job_id, task))
        if found is None:
            return None
        manifest = TaskManifest.model_validate(found)
        if manifest.attempt < self.base_attempt:
            return None
        whole = all(self.objects.size(output.key) == output.size_bytes for output in manifest.outputs)
        return manifest if whole else None

    def validated_before(self) -> bool:
        """Whether what the job knows of its source is about the very object that is there now."""
        manifest = self.made_before("validate")
        if self.source is None or manifest is None:
            return False
        etag = self.objects.etag(source_key(self.job_id))
        return etag is not None and manifest.facts.get("etag") == etag

    def keep(self, manifest: TaskManifest) -> None:
        """Written last: the proof that the task is complete."""
        self.objects.write_json(manifest_key(self.job_id, manifest.task), manifest.model_dump(mode="json"))


def load(job_id: str, attempt: int, over: threading.Event | None = None) -> Context:
    """Raises Stopped where the attempt is over. From the moment at which `over` is set, every report does."""
    try:
        job = job_store.get(job_id)
    except NotFound as error:
        raise Stopped(f"job {job_id} was deleted") from error
    if job.attempt != attempt or job.status not in RUNNING:
        raise Stopped(f"job {job_id} is {job.status} in attempt {job.attempt}")
    return Context(
        job_id=job_id,
        attempt=attempt,
        filename=job.filename,
        options=_with_defaults(job),
        source=job.source,
        source_url=job.source_url,
        objects=MediaBucket.from_environment(),
        reporter=StoreReporter(job_id, attempt, over),
        models_dir=Path(os.environ.get("MODELS_DIR", "/models")),
        base_attempt=job.base_attempt,
    )


class StoreReporter:
    """Reports to the job's progress item: a task is written at most every 2 s, except when it begins or ends."""

    def __init__(self, job_id: str, attempt: int, over: threading.Event | None = None) -> None:
        self._job_id = job_id
        self._attempt = attempt
        self._over = over or threading.Event()
        self._percent: dict[str, float] = {}
        self._written_at: dict[str, float] = {}

    def update(self, **percent: float) -> None:
        moment = time.monotonic()
        for task, value in percent.items():
            # 100 is for finish() alone.
            self._percent[task] = max(self._percent.get(task, 0.0), min(round(value, 1), 99.9))
        due = [task for task in percent if moment - self._written_at.get(task, -math.inf) >= _SECONDS_BETWEEN_WRITES]
        self._write({task: TaskProgress(status="running", progress=self._percent[task]) for task in due})
        self._written_at |= dict.fromkeys(due, moment)

    def finish(self, *tasks: str) -> None:
        self._write({task: TaskProgress(status="completed", progress=100.0) for task in tasks})

    def skip(self, **reasons: str) -> None:
        self._write({task: TaskProgress(status="skipped", note=reason) for task, reason in reasons.items()})

    def _write(self, tasks: dict[str, TaskProgress]) -> None:
        if self._over.is_set():
            raise Stopped(f"attempt {self._attempt} of job {self._job_id} is over")
        if tasks:
            retry_contention(lambda: progress_store.report(self._job_id, self._attempt, tasks))


def retry_contention(write: Callable[[], object]) -> None:
    """Makes a write of the job again while others keep changing the same items. Raises Contention after a minute."""
    for number in backoff.attempts(_TRIES, first_pause=_FIRST_PAUSE, max_pause=_MAX_PAUSE):
        try:
            write()
        except Contention:
            if number == _TRIES - 1:
                raise
        else:
            return


def _with_defaults(job: Job) -> Options:
    transcription = job.options.transcription
    if transcription.model is not None:
        return job.options
    model = os.environ.get("DEFAULT_WHISPER_MODEL", "base")
    return job.options.model_copy(update={"transcription": transcription.model_copy(update={"model": model})})
