"""The task transcribe_video: what is said in the source, as text, subtitles and JSON."""

import time
from collections.abc import Callable
from pathlib import Path

from mediajobs.errors import JobError
from mediajobs.media.manifests import Absent, Output, TaskManifest
from mediajobs.media.outputs import FILES, TRANSCRIPT_FILES
from mediajobs.media.source import SourceFacts
from mediajobs.storage.object_keys import output_key, source_key
from mediajobs.transcripts import subtitles
from mediajobs.transcripts import transcript as transcripts_transcript
from mediajobs.transcripts.transcript import Transcript
from statemachine.tasks import audio, limits, speech
from statemachine.tasks.context import Context

TASK = "transcribe_video"
MANIFEST = "transcribe"
DEFAULT_MODEL = "base"

_WRITERS: dict[str, Callable[[Transcript], str]] = {
    "transcript_txt": transcripts_transcript.to_txt,
    "transcript_srt": subtitles.to_srt,
    "transcript_vtt": subtitles.to_vtt,
    "transcript_json": transcripts_transcript.to_json,
}


def run(context: Context) -> TaskManifest:
    """Raises JobError (model_not_available, language_not_supported, those of reading the source), Stopped."""
    manifest = context.made_before(MANIFEST)
    if manifest is not None:
        _tell(context, manifest)
        return manifest
    manifest = _made(context)
    try:
        _tell(context, manifest)
        context.keep(manifest)
    except BaseException:  # Stopped and a kill included: nothing half-made stays
        context.objects.delete(*(output.key for output in manifest.outputs))
        raise
    return manifest


def _tell(context: Context, manifest: TaskManifest) -> None:
    if manifest.absent:
        context.reporter.skip(**{TASK: manifest.absent[0].reason})
    else:
        context.reporter.finish(TASK)


def _made(context: Context) -> TaskManifest:
    source = context.source
    if source is None or source.audio is None:
        return _nothing(context, "source has no audio")
    started = time.monotonic()
    engine = speech.load(_model_home(context))
    transcript = _transcribed(context, source, engine)
    outputs = [_put(context, transcript, name) for name in TRANSCRIPT_FILES]
    return TaskManifest(
        task=MANIFEST,
        attempt=context.attempt,
        outputs=outputs,
        seconds={TASK: round(time.monotonic() - started, 3)},
        facts=_facts(transcript, engine),
    )


def _nothing(context: Context, reason: str) -> TaskManifest:
    absent = [Absent(name=name, reason=reason) for name in TRANSCRIPT_FILES]
    return TaskManifest(task=MANIFEST, attempt=context.attempt, outputs=[], absent=absent)


def _transcribed(context: Context, source: SourceFacts, engine: speech.Engine) -> Transcript:
    asked = context.options.transcription
    speech.check_language(engine, asked.language)

    def report(fraction: float) -> None:
        context.reporter.update(**{TASK: 100 * fraction})

    url = context.objects.presigned_get(source_key(context.job_id), expires=limits.URL_SECONDS)
    samples = audio.decode(url, source, tick=lambda: report(0))
    return speech.transcribe(engine, samples, language=asked.language, task=asked.task, on_progress=report)


def _model_home(context: Context) -> Path:
    name = context.options.transcription.model or DEFAULT_MODEL
    if name.startswith("."):
        raise JobError("model_not_available", f"{name!r} is no speech model; the usual one is {DEFAULT_MODEL!r}.")
    return context.models_dir / name


def _put(context: Context, transcript: Transcript, name: str) -> Output:
    content_type = FILES[name].content_type
    sink = context.objects.streaming_upload(output_key(context.job_id, name), content_type)
    sink.write(_WRITERS[name](transcript).encode())
    stored = sink.close()
    return Output(
        name=name,
        key=stored.key,
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
        content_type=content_type,
    )


def _facts(transcript: Transcript, engine: speech.Engine) -> dict[str, str | int | float | None]:
    return {
        "language": transcript.language,
        "language_probability": transcript.language_probability,
        "word_count": transcripts_transcript.word_count(transcript),
        "model": engine.model,
        "device": engine.device,
        "compute_type": engine.compute_type,
    }
