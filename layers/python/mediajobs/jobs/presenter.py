"""The documents of a job that clients get, made from the job and the progress of its tasks."""

from mediajobs.jobs import eta
from mediajobs.jobs.lifecycle import Status
from mediajobs.jobs.model import EarlierAttempt, Job, OutputSummary
from mediajobs.jobs.playback import NOT_REQUESTED, STORYBOARD, captions_of, has_hls, why_no_storyboard
from mediajobs.jobs.progress import Progress, TaskProgress, completed_stages, current_task, overall_percent
from mediajobs.jobs.schemas import (
    CaptionsDocument,
    EarlierAttemptDocument,
    EarlierAttemptError,
    ErrorDocument,
    FileDocument,
    HlsDocument,
    JobBrief,
    JobDocument,
    OutputsDocument,
    PlaylistDocument,
    ProgressDocument,
    RenditionDocument,
    SourceDocument,
    StoryboardDocument,
    TaskDocument,
    TranscriptionDocument,
    WarningDocument,
)
from mediajobs.media import hls_playlists
from mediajobs.media.options import Options
from mediajobs.media.outputs import HLS_AUDIO, TRANSCRIPTS
from mediajobs.media.renditions import documented_renditions
from mediajobs.media.source import NO_AUDIO
from mediajobs.media.tasks import SECONDS_FIELDS, tasks_for


def job_document(job: Job, progress: Progress | None, *, queue_position: int | None, model: str) -> JobDocument:
    """The complete document. `model`: the Whisper model where the job names none."""
    current = _of_present_attempt(job, progress)
    tasks = _tasks(job, progress)
    return JobDocument(
        job_id=job.job_id,
        status=job.status,
        priority=job.priority,
        batch_id=job.batch_id,
        attempt=job.attempt,
        created_at=job.created_at,
        updated_at=_updated_at(job, current),
        completed_at=job.completed_at,
        progress=_progress(job, tasks, current, queue_position, model),
        source=_source(job),
        outputs=_outputs(job),
        processing_time=_processing_time(job),
        user_metadata=job.user_metadata,
        error=_error(job),
        warnings=[WarningDocument(**warning.model_dump()) for warning in job.warnings],
        earlier_attempts=[_earlier(attempt) for attempt in job.earlier],
    )


def job_brief(job: Job, progress: Progress | None) -> JobBrief:
    """The short document, of lists and batches."""
    current = _of_present_attempt(job, progress)
    return JobBrief(
        job_id=job.job_id,
        status=job.status,
        priority=job.priority,
        filename=job.filename,
        created_at=job.created_at,
        updated_at=_updated_at(job, current),
        completed_at=job.completed_at,
        overall_progress=overall_percent(job.status, _tasks(job, progress)),
    )


def time_left(job: Job, progress: Progress | None, model: str) -> tuple[int, int, int] | None:
    """(seconds, low, high) until a running job is done, None where unknown. `model`: see `job_document`."""
    current = _of_present_attempt(job, progress)
    return _estimate(job, current, _tasks(job, current), model) if current else None


def total_time(job: Job, progress: Progress | None, model: str) -> tuple[int, int, int] | None:
    """(seconds, low, high) for the whole job, as if it had just begun; None where there is no estimate."""
    current = _of_present_attempt(job, progress)
    if current is None:
        return None
    not_begun = {name: TaskProgress() for name, task in current.tasks.items() if task.status != "skipped"}
    return _estimate(job, current, not_begun, model)


def _estimate(job: Job, progress: Progress, tasks: dict[str, TaskProgress], model: str) -> tuple[int, int, int] | None:
    if progress.stopped or job.source is None:
        return None
    used_model = job.options.transcription.model or model
    return eta.estimate(job.source.duration_seconds, tasks, progress.rates, used_model)


def _updated_at(job: Job, progress: Progress | None) -> str:
    return max(job.updated_at, progress.updated_at) if progress else job.updated_at


def _of_present_attempt(job: Job, progress: Progress | None) -> Progress | None:
    return progress if progress is not None and progress.attempt == job.attempt else None


def _tasks(job: Job, progress: Progress | None) -> dict[str, TaskProgress]:
    """The tasks of the present attempt; before it is admitted, those that it will have."""
    current = _of_present_attempt(job, progress)
    if current is not None:
        return {name: _settled(job, task) for name, task in current.tasks.items()}
    return {name: TaskProgress() for name in tasks_for(job.options)} | completed_stages(progress, job.base_attempt)


def _settled(job: Job, task: TaskProgress) -> TaskProgress:
    """The task as clients see it: one that was running when the job failed or was cancelled is cancelled."""
    ended_early = job.status in (Status.FAILED, Status.CANCELLED)
    return task.model_copy(update={"status": "cancelled"}) if ended_early and task.status == "running" else task


def _progress(
    job: Job, tasks: dict[str, TaskProgress], progress: Progress | None, queue_position: int | None, model: str
) -> ProgressDocument:
    task = current_task(job.status, tasks)
    seconds, eta_range = _eta(job, progress, model)
    return ProgressDocument(
        current_task=task,
        current_task_progress=tasks[task].progress if task else None,
        overall_progress=overall_percent(job.status, tasks),
        eta_seconds=seconds,
        eta_range=eta_range,
        tasks={name: TaskDocument(**value.model_dump(exclude={"code"})) for name, value in tasks.items()},
        queue_position=queue_position,
    )


def _eta(job: Job, progress: Progress | None, model: str) -> tuple[int | None, tuple[int, int] | None]:
    estimate = (0, 0, 0) if job.status is Status.COMPLETED else time_left(job, progress, model)
    return (estimate[0], estimate[1:]) if estimate else (None, None)


def _source(job: Job) -> SourceDocument:
    facts = job.source
    video, audio = (facts.video, facts.audio) if facts else (None, None)
    return SourceDocument(
        filename=job.filename,
        size_bytes=facts.size_bytes if facts else job.size_bytes,
        duration_seconds=facts.duration_seconds if facts else None,
        resolution=f"{video.width}x{video.height}" if video else None,
        codec=video.codec if video else audio.codec if audio else None,
        audio_codec=audio.codec if audio else None,
        frame_rate=video.frame_rate if video else None,
        file_hash=facts.sha256 if facts else None,
        channels=audio.channels if audio else None,
        sample_rate=audio.sample_rate if audio else None,
        languages=(facts.languages or None) if facts else None,
        hdr=video.hdr if video else None,
        rotation=video.rotation if video else None,
        interlaced=video.interlaced if video else None,
        variable_frame_rate=video.variable_frame_rate if video else None,
    )


def _outputs(job: Job) -> OutputsDocument:
    renditions = documented_renditions(job.options.renditions)
    return OutputsDocument(
        **{name: _rendition(job, name) for name in renditions},
        audio=_file(job, "audio", requested=job.options.audio),
        thumbnail=_file(job, "thumbnail", requested=job.options.thumbnail),
        storyboard=_storyboard(job),
        transcription=_transcription(job),
        hls=_hls(job, renditions),
    )


def _rendition(job: Job, name: str) -> RenditionDocument:
    file = _file(job, name, requested=name in job.options.renditions)
    source_size = job.source.size_bytes if job.source else None
    ratio = round(source_size / file.size_bytes, 3) if source_size and file.size_bytes else None
    size = job.outputs[name].model_dump(include={"width", "height"}) if file.available else {}
    return RenditionDocument(**file.model_dump(), compression_ratio=ratio, **size)


def _file(job: Job, name: str, *, requested: bool) -> FileDocument:
    summary = job.outputs.get(name)
    if summary is None or not summary.available:
        return FileDocument(available=False, reason=_why_not(summary, requested=requested))
    return FileDocument(
        available=True, size_bytes=summary.size_bytes, download_url=f"/jobs/{job.job_id}/download/{name}"
    )


def _storyboard(job: Job) -> StoryboardDocument:
    summary = job.outputs.get(STORYBOARD)
    if summary is None or not summary.available:
        return StoryboardDocument(available=False, reason=why_no_storyboard(job))
    url = _stream_path(job, "storyboard.vtt")
    return StoryboardDocument(available=True, size_bytes=summary.size_bytes, url=url)


def _transcription(job: Job) -> TranscriptionDocument:
    requested = job.options.transcription.enabled
    summary = job.outputs.get("transcript_txt")
    if summary is None or not summary.available:
        no_audio = requested and job.source is not None and job.source.audio is None
        reason = NO_AUDIO if no_audio else _why_not(summary, requested=requested)
        return TranscriptionDocument(available=False, formats=dict.fromkeys(TRANSCRIPTS), reason=reason)
    facts = job.transcription
    return TranscriptionDocument(
        available=True,
        language=facts.get("language"),
        word_count=facts.get("word_count"),
        whisper_model=facts.get("model"),
        formats={name: f"/jobs/{job.job_id}/download/transcript_{name}" for name in TRANSCRIPTS},
    )


def _hls(job: Job, renditions: list[str]) -> HlsDocument:
    captions = captions_of(job)
    tracks = [_captions(job, captions)] if captions else []
    return HlsDocument(
        **{name: _playlist(job, name, requested=name in job.options.renditions) for name in renditions},
        audio=_playlist(job, HLS_AUDIO, requested=bool(job.options.renditions)),
        captions=tracks,
        master_url=_stream_path(job, "master.m3u8") if has_hls(job) else None,
    )


def _playlist(job: Job, name: str, *, requested: bool) -> PlaylistDocument:
    summary, is_requested = job.outputs.get(name), requested and job.options.hls
    if not is_requested or summary is None or not summary.available:
        return PlaylistDocument(available=False, reason=_why_not(summary, requested=is_requested))
    return PlaylistDocument(
        available=True,
        segments_count=summary.segments_count,
        playlist_url=_stream_path(job, hls_playlists.media_path(name)),
    )


def _captions(job: Job, captions: hls_playlists.Captions) -> CaptionsDocument:
    url = _stream_path(job, hls_playlists.captions_path(captions.language))
    return CaptionsDocument(language=captions.language, name=captions.name, playlist_url=url)


def _stream_path(job: Job, path: str) -> str:
    return f"/stream/{job.job_id}/{path}"


def _why_not(summary: OutputSummary | None, *, requested: bool) -> str | None:
    if not requested:
        return NOT_REQUESTED
    return summary.reason if summary else None


def _processing_time(job: Job) -> dict[str, float | None]:
    """Seconds of the tasks that a job has by default or that this one asked for, and in total."""
    documented = {*tasks_for(Options()), *tasks_for(job.options)}
    fields = [field for task, field in SECONDS_FIELDS.items() if task in documented]
    return {field: job.processing_time.get(field) for field in (*fields, "total_seconds")}


def _error(job: Job) -> ErrorDocument | None:
    if job.status is not Status.FAILED or job.error is None:
        return None
    return ErrorDocument(
        message=job.error.message, code=job.error.code, failed_task=job.error.task, retry_count=job.attempt - 1
    )


def _earlier(attempt: EarlierAttempt) -> EarlierAttemptDocument:
    error = None
    if attempt.error is not None:
        failure = attempt.error
        error = EarlierAttemptError(message=failure.message, code=failure.code, failed_task=failure.task)
    return EarlierAttemptDocument(**attempt.model_dump(exclude={"error"}), error=error)
