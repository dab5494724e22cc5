"""What of a job can be played: its HLS, the captions in it, and its storyboard."""

from mediajobs.jobs.model import Job
from mediajobs.media import storyboards
from mediajobs.media.hls_playlists import Captions
from mediajobs.media.languages import bcp47, english_name
from mediajobs.media.outputs import HLS_AUDIO
from mediajobs.media.renditions import RENDITIONS

STORYBOARD = "storyboard"
NOT_REQUESTED = "not requested"


def has_output(job: Job, name: str) -> bool:
    return name in job.outputs and job.outputs[name].available


def has_hls(job: Job) -> bool:
    return job.options.hls and any(has_output(job, name) for name in (*RENDITIONS, HLS_AUDIO))


def captions_of(job: Job) -> Captions | None:
    """The caption track of a job's HLS: its transcript. None where the job has no HLS, or no word was heard."""
    if not (has_hls(job) and has_output(job, "transcript_vtt") and job.transcription.get("word_count")):
        return None
    translated = job.options.transcription.task == "translate"  # the model knows no other target than English
    language = "en" if translated else job.transcription.get("language")
    return Captions(bcp47(language), english_name(language)) if language else None


def why_no_storyboard(job: Job) -> str | None:
    """Why a job that has no storyboard has none; None where that is not known, or not yet."""
    if job.options.storyboard is False:
        return NOT_REQUESTED
    if (summary := job.outputs.get(STORYBOARD)) is not None:
        return summary.reason
    if job.source is None or storyboards.is_wanted(job.source.duration_seconds, option=job.options.storyboard):
        return None
    return storyboards.TOO_SHORT
