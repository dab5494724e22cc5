"""Presigned URLs of what a job has made, and of its source."""

from typing import NamedTuple

from mediajobs.errors import Conflict, NotFound
from mediajobs.jobs.lifecycle import TERMINAL
from mediajobs.jobs.model import Job
from mediajobs.jobs.presenter import has_hls
from mediajobs.media.manifests import Output
from mediajobs.media.outputs import DOWNLOADS, SOURCE
from mediajobs.storage.bucket_store import MediaBucket, source_size
from mediajobs.storage.object_keys import download_name, manifest_key, output_key

_HLS_URL_SECONDS = 12 * 3600  # longer than anybody watches in one go


class HlsRendition(NamedTuple):
    """A rendition and the presigned URL of its media file, valid for 12 hours."""

    output: Output
    url: str


def download_url(job: Job, output: str) -> str:
    """Returns a presigned URL that downloads an output, or `source`, under a fitting file name.

    Raises NotFound for an unknown output and for one that the job did not make, and Conflict while the job still runs.
    """
    if output not in DOWNLOADS:
        raise NotFound("output", output, f"There is no output {output}. There are: {', '.join(DOWNLOADS)}.")
    _check_available(job, output)
    key, filename = output_key(job.job_id, output), download_name(job.filename, output)
    return MediaBucket.from_environment().presigned_get(key, filename=filename)


def hls_renditions(job: Job) -> list[Output]:
    """Returns the outputs that can be played as HLS.

    Raises NotFound where there are none (not requested, or deleted), and Conflict while the job still runs.
    """
    _check_ended(job)
    if not has_hls(job):
        raise NotFound("output", "hls", "This job has no HLS.")
    manifest = MediaBucket.from_environment().read_json(manifest_key(job.job_id))
    if manifest is None:
        raise NotFound("output", "hls", "The outputs of this job were deleted.")
    outputs = [Output.model_validate(output) for output in manifest["outputs"]]
    return [output for output in outputs if output.fragments]


def hls_rendition(job: Job, name: str) -> HlsRendition:
    """Returns one rendition of `hls_renditions`. Raises NotFound and Conflict."""
    for output in hls_renditions(job):
        if output.name == name:
            url = MediaBucket.from_environment().presigned_get(output.key, expires=_HLS_URL_SECONDS)
            return HlsRendition(output, url)
    raise NotFound("rendition", name, f"This job has no rendition {name}.")


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
