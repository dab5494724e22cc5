"""The task transcribe_video: transcribes the speech of a source as text, subtitles and JSON."""

import time
from collections.abc import Callable
from pathlib import Path

from mediajobs.errors import JobError
from mediajobs.media.manifests import Absent, JobWarning, Output, TaskManifest
from mediajobs.media.outputs import FILES, TRANSCRIPT_FILES
from mediajobs.media.source import NO_AUDIO, SourceFacts
from mediajobs.storage.object_keys import output_key, source_key
from mediajobs.transcripts import subtitles
from mediajobs.transcripts import transcript as transcript_formats
from mediajobs.transcripts.transcript import Transcript
from statemachine.tasks import audio_decoder, speech_model, speech_recognition
from statemachine.tasks.context import TaskContext
from statemachine.tasks.source_server import StoredSource

TASK = "transcribe_video"
STAGE = "transcribe"
DEFAULT_MODEL = "base"

_WRITERS: dict[str, Callable[[Transcript], str]] = {
    "transcript_txt": transcript_formats.to_txt,
    "transcript_srt": subtitles.to_srt,
    "transcript_vtt": subtitles.to_vtt,
    "transcript_json": transcript_formats.to_json,
}


def run(context: TaskContext) -> TaskManifest:
    """Raises JobError (model_not_available, language_not_supported, those of reading the source), Stopped."""
    manifest = context.completed_manifest(STAGE)
    if manifest is not None:
        _report(context, manifest)
        return manifest
    manifest = _make_outputs(context)
    try:
        _report(context, manifest)
        context.save_manifest(manifest)
    except BaseException:  # also Stopped and a kill: no incomplete output may stay
        context.bucket.delete(*(output.key for output in manifest.outputs))
        raise
    return manifest


def _report(context: TaskContext, manifest: TaskManifest) -> None:
    if manifest.absent:
        context.reporter.skip(**{TASK: manifest.absent[0].reason})
    else:
        context.reporter.finish(TASK)


def _make_outputs(context: TaskContext) -> TaskManifest:
    source = context.source
    if source is None or source.audio is None:
        return _skipped(context, NO_AUDIO)
    started = time.monotonic()
    model = speech_model.load(_model_folder(context))
    transcript = _recognise(context, source, model)
    outputs = [_store(context, transcript, name) for name in TRANSCRIPT_FILES]
    return TaskManifest(
        task=STAGE,
        attempt=context.attempt,
        outputs=outputs,
        seconds={TASK: round(time.monotonic() - started, 3)},
        facts=_facts(transcript, model),
        warnings=_warnings(transcript),
    )


def _skipped(context: TaskContext, reason: str) -> TaskManifest:
    absent = [Absent(name=name, reason=reason) for name in TRANSCRIPT_FILES]
    return TaskManifest(task=STAGE, attempt=context.attempt, outputs=[], absent=absent)


def _recognise(context: TaskContext, source: SourceFacts, model: speech_model.SpeechModel) -> Transcript:
    options = context.options.transcription
    speech_model.check_language(model, options.language)

    def report(fraction: float) -> None:
        context.reporter.update(**{TASK: 100 * fraction})

    stored = StoredSource.of(context.bucket, source_key(context.job_id))
    samples = audio_decoder.decode(stored, source, tick=lambda: report(0))
    return speech_recognition.transcribe(
        model, samples, language=options.language, task=options.task, on_progress=report
    )


def _model_folder(context: TaskContext) -> Path:
    name = context.options.transcription.model or DEFAULT_MODEL
    if name.startswith("."):
        raise JobError("model_not_available", f"{name!r} is no speech model; the usual one is {DEFAULT_MODEL!r}.")
    return context.models_dir / name


def _store(context: TaskContext, transcript: Transcript, name: str) -> Output:
    content_type = FILES[name].content_type
    upload = context.bucket.streaming_upload(output_key(context.job_id, name), content_type)
    upload.write(_WRITERS[name](transcript).encode())
    stored = upload.close()
    return Output(
        name=name,
        key=stored.key,
        size_bytes=stored.size_bytes,
        sha256=stored.sha256,
        content_type=content_type,
    )


def _warnings(transcript: Transcript) -> list[JobWarning]:
    if len(transcript.languages) < 2:
        return []
    shares = ", ".join(f"{found.language} {found.share:.0%}" for found in transcript.languages)
    return [JobWarning(code="languages_changed", message=f"The speech is in several languages: {shares}.")]


def _facts(transcript: Transcript, model: speech_model.SpeechModel) -> dict[str, str | int | float | None]:
    return {
        "language": transcript.language,
        "language_probability": transcript.language_probability,
        "word_count": transcript_formats.word_count(transcript),
        "model": model.name,
        "device": model.device,
        "compute_type": model.compute_type,
    }
