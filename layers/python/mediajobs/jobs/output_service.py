"""Presigned URLs of what a job has made, and of its source."""

from typing import Any, NamedTuple

from mediajobs.errors import Conflict, NotFound
from mediajobs.jobs.lifecycle import TERMINAL
from mediajobs.jobs.model import Job
from mediajobs.jobs.playback import STORYBOARD, captions_of, has_hls, has_output, why_no_storyboard
from mediajobs.media import hls_playlists, storyboards
from mediajobs.media.manifests import Output
from mediajobs.media.outputs import DOWNLOADS, SOURCE, download_type
from mediajobs.storage.bucket_store import MediaBucket, source_size
from mediajobs.storage.object_keys import download_name, manifest_key, output_key

_HLS_URL_SECONDS = 12 * 3600  # longer than anybody watches in one go


class HlsOutput(NamedTuple):
    """A rendition, or the sound alone, and the presigned URL of its media file, valid for 12 hours.

    `target_seconds`: see `hls_playlists.target_duration`, over all outputs of the master playlist.
    """

    output: Output
    url: str
    target_seconds: int


def download_url(job: Job, output: str) -> str:
    """Returns a presigned URL that downloads an output, or `source`, under a fitting file name.

    Raises NotFound for an unknown output and for one that the job did not make, and Conflict while the job still runs.
    """
    if output not in DOWNLOADS:
        raise NotFound("output", output, f"There is no output {output}. There are: {', '.join(DOWNLOADS)}.")
    _check_available(job, output)
    key, filename = output_key(job.job_id, output), download_name(job.filename, output)
    return MediaBucket.from_environment().presigned_download(key, filename, download_type(output))


def hls_outputs(job: Job) -> list[Output]:
    """Returns the outputs that can be played as HLS: the renditions, and the sound alone.

    Raises NotFound where there are none (not requested, or deleted), and Conflict while the job still runs.
    """
    _check_hls(job)
    return [Output.model_validate(output) for output in _outputs(job, "hls") if output.get("fragments")]


def hls_output(job: Job, name: str) -> HlsOutput:
    """Returns one of `hls_outputs`, by its name in paths. Raises NotFound and Conflict."""
    outputs = hls_outputs(job)
    for output in outputs:
        if hls_playlists.path_name(output.name) == name:
            return HlsOutput(output, _playable_url(output.key), hls_playlists.target_duration(outputs))
    raise NotFound("rendition", name, f"This job has no rendition {name}.")


def hls_iframes(job: Job, name: str) -> HlsOutput:
    """Returns the rendition `name` where its I-frames are known. Raises NotFound and Conflict."""
    rendition = hls_output(job, name)
    if not hls_playlists.has_iframes(rendition.output):
        raise NotFound("rendition", name, f"This job has no I-frame playlist of {name}.")
    return rendition


def captions_url(job: Job, language: str) -> str:
    """Returns a presigned URL, valid for 12 hours, of the captions in this language. Raises NotFound and Conflict."""
    _check_hls(job)
    captions = captions_of(job)
    if captions is None:
        raise NotFound("captions", language, "This job has no captions.")
    if captions.language != language:
        raise NotFound("captions", language, f"The captions of this job are in {captions.language}.")
    return _playable_url(output_key(job.job_id, "transcript_vtt"))


def storyboard_vtt(job: Job) -> str:
    """Returns the WebVTT of the storyboard, with presigned URLs that are valid for 12 hours.

    Raises NotFound for a job without a storyboard, and Conflict while the job still runs.
    """
    _check_ended(job)
    if not has_output(job, STORYBOARD):
        reason = why_no_storyboard(job)
        raise NotFound("output", STORYBOARD, f"This job has no storyboard{f': {reason}' if reason else ''}.")
    outputs = [Output.model_validate(output) for output in _outputs(job, STORYBOARD) if output.get("tiles")]
    sheets = storyboards.sheets(outputs)
    end = job.source.duration_seconds if job.source else 0.0
    return storyboards.to_vtt(sheets, [_playable_url(sheet.key) for sheet in sheets], end)


def _outputs(job: Job, wanted: str) -> list[dict[str, Any]]:
    """The outputs in the job's manifest, as JSON. Raises NotFound for `wanted` where the manifest was deleted."""
    manifest = MediaBucket.from_environment().read_json(manifest_key(job.job_id))
    if manifest is None:
        raise NotFound("output", wanted, "The outputs of this job were deleted.")
    outputs: list[dict[str, Any]] = manifest["outputs"]
    return outputs


def _playable_url(key: str) -> str:
    return MediaBucket.from_environment().presigned_get(key, expires=_HLS_URL_SECONDS)


def _check_hls(job: Job) -> None:
    _check_ended(job)
    if not has_hls(job):
        raise NotFound("output", "hls", "This job has no HLS.")


def _check_available(job: Job, output: str) -> None:
    if output == SOURCE:
        _check_source(job)
        return
    _check_ended(job)
    summary = job.outputs.get(output)
    if summary is None or not summary.available:
        reason = f": {summary.reason}" if summary and summary.reason else ""
        raise NotFound("output", output, f"This job did not make {output}{reason}.")


def _check_source(job: Job) -> None:
    """A job that ended before its source was validated may still have one in the bucket."""
    if job.source is not None:
        return
    _check_ended(job)
    if source_size(job.job_id) is None:
        raise NotFound("output", SOURCE, "The source of this job never came. Create the job anew.")


def _check_ended(job: Job) -> None:
    if job.status not in TERMINAL:
        raise Conflict(f"Not there yet: the job is {job.status}. Ask again when it has completed.")
