"""`/stream`: HLS playlists, made from the manifest at each request, with presigned segment URLs."""

from http import HTTPStatus
from urllib.parse import quote

from chalice.app import Response

from chalicelib.http.ownership import get_own_job
from chalicelib.http.responses import Headers, key_in_query
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.jobs import output_service
from mediajobs.media import hls_playlists

_PLAYLIST = "application/vnd.apple.mpegurl"

routes = Routes("stream")


@routes.route("GET", "/stream/{job_id}/master.m3u8", {HTTPStatus.OK: _PLAYLIST}, key="query")
def master(request: ApiRequest, job_id: str) -> Response:
    """The master playlist of a job."""
    renditions = output_service.hls_renditions(get_own_job(request.caller, job_id))
    # A player that sends its key in the query cannot send a header with the next request either.
    key = key_in_query(request.raw)
    query = f"?api_key={quote(key)}" if key else ""
    return _playlist(hls_playlists.master(renditions, lambda name: f"{name}/playlist.m3u8{query}"))


@routes.route("GET", "/stream/{job_id}/{rendition}/playlist.m3u8", {HTTPStatus.OK: _PLAYLIST}, key="query")
def media(request: ApiRequest, job_id: str, rendition: str) -> Response:
    """The playlist of one rendition. Its segments are byte ranges of one presigned URL."""
    playable = output_service.hls_rendition(get_own_job(request.caller, job_id), rendition)
    return _playlist(hls_playlists.media(playable.output, playable.url))


def _playlist(text: str) -> Response:
    headers: Headers = {"Content-Type": _PLAYLIST, "Cache-Control": "private, no-store"}
    return Response(text, headers=headers)
