"""The stage `media`: makes renditions, audio, thumbnail, storyboard and HLS index with one decode, streamed to S3."""

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from mediajobs.errors import JobError
from mediajobs.media import ladder
from mediajobs.media.ladder import Size, StoryboardPlan, TranscodePlan
from mediajobs.media.manifests import Output, TaskManifest, Tiles
from mediajobs.media.outputs import file_of
from mediajobs.media.source import SourceFacts
from mediajobs.media.storyboards import sheet_name
from mediajobs.media.tasks import skipped_tasks
from mediajobs.storage.object_keys import output_key, source_key
from statemachine.tasks import ffmpeg_command, limits
from statemachine.tasks.child_files import open_made
from statemachine.tasks.context import TaskContext
from statemachine.tasks.decoder import file_names
from statemachine.tasks.ffmpeg_command import AUDIO_FILE
from statemachine.tasks.played_upload import PlayedUpload
from statemachine.tasks.position import UPLOAD, Marks, percents, tasks_of
from statemachine.tasks.source_server import StoredSource
from statemachine.tasks.transcode import transcode

STAGE = "media"


def run(context: TaskContext) -> TaskManifest:
    """Makes the outputs that are not there yet. Raises JobError and Stopped, after deleting what is incomplete."""
    if context.source is None:
        raise JobError("not_validated", "the source has not been validated; retry the job from its start")
    plan = ladder.plan(context.source, context.options)
    context.reporter.skip(**skipped_tasks(plan.absent, plan.outputs))
    manifest = context.completed_manifest(STAGE)
    if manifest is not None:
        context.reporter.finish(*tasks_of(plan), UPLOAD)
        return manifest
    try:
        manifest = _Run(context, context.source, plan).make()
    except JobError as error:
        error.task = next(iter(tasks_of(plan)), UPLOAD)  # all are made at once: the first one is named
        raise
    return manifest


class _Run:
    """One run. Keeps the uploads in progress and the stored outputs, so that all of them can be deleted."""

    def __init__(self, context: TaskContext, source: SourceFacts, plan: TranscodePlan) -> None:
        self._context, self._source, self._plan = context, source, plan
        self._bucket, self._reporter = context.bucket, context.reporter
        self._uploads: list[PlayedUpload] = []
        self._outputs: list[Output] = []
        self._marks = Marks()

    def make(self) -> TaskManifest:
        try:
            with tempfile.TemporaryDirectory(prefix=f"mediajobs-{self._context.job_id}-") as folder:
                if self._plan.outputs:
                    self._transcode(Path(folder))
                    self._publish(Path(folder))
            return self._write_manifest()
        except BaseException:  # also Stopped and a kill: no incomplete output may stay
            self._delete_all()
            raise

    def _transcode(self, folder: Path) -> None:
        renditions = {rendition.name: rendition for rendition in self._plan.renditions}
        for name in ffmpeg_command.played(self._plan):
            key = output_key(self._context.job_id, name)
            self._bucket.abort_uploads(key)
            rendition = renditions.get(name)
            bitrate = rendition.rate_control.max_bitrate if rendition else 0
            max_bytes = limits.output_bytes(bitrate, self._source.duration_seconds)
            size = rendition.size if rendition else None
            self._uploads.append(PlayedUpload(name, size, self._bucket, key, max_bytes=max_bytes))
        source = StoredSource.of(self._bucket, source_key(self._context.job_id))
        transcode(self._source, self._plan, source, folder, self._uploads, self._report)

    def _report(self, position: float) -> None:
        self._marks.raise_to(percents(self._plan, position, self._source.duration_seconds, self._uploads))
        self._reporter.update(**self._marks.percent)

    def _publish(self, folder: Path) -> None:
        """Completes the uploads, one after the other. Before this no output is visible in the bucket."""
        self._marks.raise_to(dict.fromkeys(tasks_of(self._plan), 100.0))
        self._reporter.finish(*tasks_of(self._plan))  # raises Stopped before anything appears
        steps: list[Callable[[], Output]] = [partial(upload.close, self._plan) for upload in reversed(self._uploads)]
        if self._plan.audio:
            steps.append(partial(self._audio, folder / AUDIO_FILE))
        if self._plan.thumbnail:
            steps.append(partial(self._thumbnail, folder / file_names.THUMBNAIL, self._plan.thumbnail))
        if self._plan.storyboard:
            steps += [partial(self._sheet, folder, number, tiles) for number, tiles in _sheets(self._plan.storyboard)]
        for step in steps:
            self._outputs.append(step())
            self._marks.raise_to({UPLOAD: 100.0 * len(self._outputs) / len(steps)})
            self._reporter.update(**self._marks.percent)

    def _audio(self, path: Path) -> Output:
        seconds = round(self._source.duration_seconds, 3)
        return self._stored("audio", path).model_copy(update={"duration_seconds": seconds})

    def _thumbnail(self, path: Path, size: Size) -> Output:
        return self._stored("thumbnail", path).model_copy(update={"width": size.width, "height": size.height})

    def _sheet(self, folder: Path, number: int, tiles: Tiles) -> Output:
        stored = self._stored(sheet_name(number), folder / file_names.SHEET.format(number=number))
        return stored.model_copy(update={"tiles": tiles})

    def _stored(self, name: str, path: Path) -> Output:
        kind = file_of(name).content_type
        with open_made(path) as file:
            stored = self._bucket.upload(file, output_key(self._context.job_id, name), kind)
        return Output(name=name, **stored._asdict(), content_type=kind)

    def _write_manifest(self) -> TaskManifest:
        manifest = TaskManifest(
            task=STAGE,
            attempt=self._context.attempt,
            outputs=self._outputs,
            absent=list(self._plan.absent),
            seconds=self._marks.seconds,
        )
        self._reporter.finish(UPLOAD)  # raises Stopped while everything can still be deleted
        self._context.save_manifest(manifest)
        return manifest

    def _delete_all(self) -> None:
        with contextlib.ExitStack() as steps:  # each is tried, also where another fails
            for upload in self._uploads:
                steps.callback(upload.abort)
            for output in self._outputs:
                steps.callback(self._bucket.delete, output.key)


def _sheets(storyboard: StoryboardPlan) -> Iterator[tuple[int, Tiles]]:
    """The number of each sheet, from 1, and what is on it."""
    for number, first in enumerate(range(0, storyboard.count, storyboard.tiles_per_sheet), 1):
        yield (
            number,
            Tiles(
                width=storyboard.tile.width,
                height=storyboard.tile.height,
                columns=storyboard.columns,
                count=min(storyboard.tiles_per_sheet, storyboard.count - first),
                interval=storyboard.interval,
                start=first * storyboard.interval,
            ),
        )
