"""A job to try the tasks on: a bucket, a source in it, and a reporter that remembers."""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

from mediajobs.errors import Stopped
from mediajobs.media.manifests import Output, TaskManifest
from mediajobs.media.options import Options
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.object_keys import source_key
from statemachine.tasks import media, validate
from statemachine.tasks.context import TaskContext
from statemachine.tasks.source_server import StoredSource

_numbers = count(1)


@dataclass
class Recorder:
    """Remembers all that is reported; raises Stopped once `stop` says so of an update."""

    stop: Callable[[dict[str, float]], bool] = lambda _: False
    percent: dict[str, list[float]] = field(default_factory=lambda: defaultdict(list))
    finished: list[str] = field(default_factory=list)
    skipped: dict[str, str] = field(default_factory=dict)

    def update(self, **percent: float) -> None:
        for task, value in percent.items():
            self.percent[task].append(value)
        if self.stop(percent):
            raise Stopped("cancelled by the test")

    def finish(self, *tasks: str) -> None:
        self.finished += tasks

    def skip(self, **reasons: str) -> None:
        self.skipped |= reasons


def job(bucket: MediaBucket, source: Path | bytes, options: Options | None = None) -> TaskContext:
    """A job whose source is uploaded and nothing else done."""
    number = next(_numbers)
    job_id = f"01JOB{number:021d}"
    body = source if isinstance(source, bytes) else source.read_bytes()
    bucket.client.put_object(Bucket=bucket.name, Key=f"sources/{job_id}/source", Body=body)
    return TaskContext(
        job_id=job_id,
        account="acme",
        attempt=1,
        filename="clip.mp4",
        options=options or Options(),
        source=None,
        source_url=None,
        bucket=bucket,
        reporter=Recorder(),
        models_dir=Path("/nonexistent"),
    )


def validated(context: TaskContext) -> TaskContext:
    return replace(context, source=validate.run(context).source, reporter=Recorder())


def stored_source(context: TaskContext) -> StoredSource:
    return StoredSource.of(context.bucket, source_key(context.job_id))


@dataclass(frozen=True)
class MediaRun:
    """What the media task made of a source."""

    context: TaskContext
    recorder: Recorder
    manifest: TaskManifest

    @property
    def outputs(self) -> dict[str, Output]:
        return {output.name: output for output in self.manifest.outputs}

    @property
    def reasons(self) -> dict[str, str]:
        return {absent.name: absent.reason for absent in self.manifest.absent}

    def url(self, name: str) -> str:
        return self.context.bucket.presigned_get(self.outputs[name].key)

    def body(self, output: Output) -> bytes:
        return b"".join(self.context.bucket.read_chunks(output.key))


def run_media(bucket: MediaBucket, source: Path, options: Options | None = None) -> MediaRun:
    """Validate a source and let the media task make everything of it."""
    recorder = Recorder()
    context = replace(validated(job(bucket, source, options)), reporter=recorder)
    return MediaRun(context, recorder, media.run(context))


def keys(context: TaskContext) -> list[str]:
    """What lies in the bucket among the job's outputs, half-made uploads included."""
    client, bucket, prefix = context.bucket.client, context.bucket.name, f"outputs/{context.job_id}/"
    stored = client.list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", [])
    begun = client.list_multipart_uploads(Bucket=bucket, Prefix=prefix).get("Uploads", [])
    return [item["Key"] for item in stored] + [f"half-made {item['Key']}" for item in begun]
