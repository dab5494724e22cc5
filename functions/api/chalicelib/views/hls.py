"""`/stream`: HLS playlists, made from the manifest when they are asked for, with presigned segment URLs."""

from http import HTTPStatus
from urllib.parse import quote

from chalice.app import Response

from chalicelib.http.ownership import get_own_job
from chalicelib.http.problems import Problem
from chalicelib.http.responses import Headers, key_in_query
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.accounts.key_store import Caller
from mediajobs.jobs.lifecycle import TERMINAL
from mediajobs.jobs.presenter import has_hls
from mediajobs.media import hls_playlists
from mediajobs.media.manifests import Output
from mediajobs.storage.bucket_store import MediaBucket
from mediajobs.storage.object_keys import manifest_key

_SECONDS = 12 * 3600  # longer than anybody watches in one go
_PLAYLIST = "application/vnd.apple.mpegurl"

routes = Routes("stream")


@routes.route("GET", "/stream/{job_id}/master.m3u8", {HTTPStatus.OK: _PLAYLIST}, key="query")
def master(asked: ApiRequest, job_id: str) -> Response:
    """The master playlist."""
    renditions = _renditions(asked.caller, job_id, MediaBucket.from_environment())
    # A player that gave its key in the query gives no header for the next playlist either.
    key = key_in_query(asked.request)
    query = f"?api_key={quote(key)}" if key else ""
    return _playlist(hls_playlists.master(renditions, lambda name: f"{name}/playlist.m3u8{query}"))


@routes.route("GET", "/stream/{job_id}/{rendition}/playlist.m3u8", {HTTPStatus.OK: _PLAYLIST}, key="query")
def media(asked: ApiRequest, job_id: str, rendition: str) -> Response:
    """One rendition's playlist: byte ranges of one presigned URL."""
    objects = MediaBucket.from_environment()
    for output in _renditions(asked.caller, job_id, objects):
        if output.name == rendition:
            return _playlist(hls_playlists.media(output, objects.presigned_get(output.key, expires=_SECONDS)))
    raise Problem(HTTPStatus.NOT_FOUND, f"This job has no rendition {rendition}.")


def _renditions(caller: Caller, job_id: str, objects: MediaBucket) -> list[Output]:
    job = get_own_job(caller, job_id)
    if job.status not in TERMINAL:
        raise Problem(HTTPStatus.CONFLICT, f"Not there yet: the job is {job.status}. Ask again when it has completed.")
    if not has_hls(job):
        raise Problem(HTTPStatus.NOT_FOUND, "This job has no HLS.")
    manifest = objects.read_json(manifest_key(job_id))
    if manifest is None:
        raise Problem(HTTPStatus.NOT_FOUND, "The outputs of this job were deleted.")
    outputs = [Output.model_validate(output) for output in manifest["outputs"]]
    return [output for output in outputs if output.fragments]


def _playlist(text: str) -> Response:
    headers: Headers = {"Content-Type": _PLAYLIST, "Cache-Control": "private, no-store"}
    return Response(text, headers=headers)
