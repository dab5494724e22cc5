"""`/stream`: HLS playlists and the storyboard, made from the manifest at each request, with presigned URLs."""

from http import HTTPStatus

from chalice.app import Response

from chalicelib.http.ownership import get_own_job
from chalicelib.http.responses import Headers
from chalicelib.http.routes import ApiRequest, Routes
from mediajobs.errors import NotFound
from mediajobs.jobs import output_service
from mediajobs.jobs.playback import captions_of
from mediajobs.media import hls_playlists

_PLAYLIST = "application/vnd.apple.mpegurl"
_VTT = "text/vtt; charset=utf-8"

routes = Routes("stream")


@routes.route("GET", "/stream/{job_id}/master.m3u8", {HTTPStatus.OK: _PLAYLIST}, key="query")
def master(request: ApiRequest, job_id: str) -> Response:
    """The master playlist of a job: its renditions, the sound alone, I-frames and captions."""
    job = get_own_job(request.caller, job_id)
    outputs = output_service.hls_outputs(job)
    return _playlist(hls_playlists.master(outputs, lambda path: path + request.link_query, captions_of(job)))


@routes.route("GET", "/stream/{job_id}/{rendition}/playlist.m3u8", {HTTPStatus.OK: _PLAYLIST}, key="query")
def media(request: ApiRequest, job_id: str, rendition: str) -> Response:
    """The playlist of one rendition, or of the sound alone. Its segments are byte ranges of one presigned URL."""
    playable = output_service.hls_output(get_own_job(request.caller, job_id), rendition)
    return _playlist(hls_playlists.media(playable.output, playable.url, playable.target_seconds))


@routes.route("GET", "/stream/{job_id}/{rendition}/iframes.m3u8", {HTTPStatus.OK: _PLAYLIST}, key="query")
def iframes(request: ApiRequest, job_id: str, rendition: str) -> Response:
    """The I-frame playlist of one rendition, for scrubbing and fast forward."""
    playable = output_service.hls_iframes(get_own_job(request.caller, job_id), rendition)
    return _playlist(hls_playlists.iframes(playable.output, playable.url))


@routes.route("GET", "/stream/{job_id}/captions/{captions_playlist}", {HTTPStatus.OK: _PLAYLIST}, key="query")
def captions(request: ApiRequest, job_id: str, captions_playlist: str) -> Response:
    """The playlist of the captions in one language: `en.m3u8`. Its one segment is the transcript as WebVTT."""
    job = get_own_job(request.caller, job_id)
    language, _, suffix = captions_playlist.rpartition(".")
    if suffix != "m3u8":
        raise NotFound("captions", captions_playlist, "Captions are at captions/LANGUAGE.m3u8, such as en.m3u8.")
    url = output_service.captions_url(job, language)
    return _playlist(hls_playlists.captions(url, job.source.duration_seconds if job.source else 0.0))


@routes.route("GET", "/stream/{job_id}/storyboard.vtt", {HTTPStatus.OK: _VTT}, key="query")
def storyboard(request: ApiRequest, job_id: str) -> Response:
    """The storyboard of a job as WebVTT: each cue is one picture of a sheet, as `#xywh`."""
    return _answer(output_service.storyboard_vtt(get_own_job(request.caller, job_id)), _VTT)


def _playlist(text: str) -> Response:
    return _answer(text, _PLAYLIST)


def _answer(text: str, content_type: str) -> Response:
    headers: Headers = {"Content-Type": content_type}
    return Response(text, headers=headers)
