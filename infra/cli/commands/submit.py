"""`mediajobs submit`: a file or an address becomes a job."""

import mimetypes
from pathlib import Path, PurePosixPath
from typing import Annotated, Any
from urllib.parse import unquote, urlsplit

import typer

from infra.cli import id_arguments
from infra.cli.errors import UsageError
from infra.cli.job_run import finished, start, watched
from infra.cli.options import ApiKey, ApiUrl, AsJson, Watch, connect, console
from infra.cli.terminal.job_display import display_for
from infra.cli.terminal.json_lines import print_document
from mediajobs.media.outputs import RENDITIONS

_PANEL = "What to make (default: everything)"


def _rendition(name: str) -> str:
    if name not in RENDITIONS:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(map(repr, RENDITIONS))}.")
    return name


Source = Annotated[str, typer.Argument(metavar="FILE|URL", help="A video or audio file, or its https or s3 address.")]
Priority = Annotated[
    int | None, typer.Option(metavar="1-10", min=1, max=10, help="10 goes first; 5 where none is given.")
]
Batch = Annotated[
    str | None,
    typer.Option("--batch", metavar="ID", help="Of this batch, which may be new.", callback=id_arguments.batch_id),
]
Renditions = Annotated[
    list[str] | None,
    typer.Option(
        "--rendition",
        metavar="|".join(RENDITIONS),
        help="Only this one; may be repeated.",
        parser=_rendition,
        rich_help_panel=_PANEL,
    ),
]
NoVideo = Annotated[bool, typer.Option("--no-video", help="No renditions and no HLS.", rich_help_panel=_PANEL)]
NoAudio = Annotated[bool, typer.Option("--no-audio", help="No MP3.", rich_help_panel=_PANEL)]
NoThumbnail = Annotated[bool, typer.Option("--no-thumbnail", help="No picture.", rich_help_panel=_PANEL)]
NoHls = Annotated[bool, typer.Option("--no-hls", help="No playlists.", rich_help_panel=_PANEL)]
NoTranscription = Annotated[bool, typer.Option("--no-transcription", help="No transcript.", rich_help_panel=_PANEL)]
Language = Annotated[
    str | None, typer.Option(metavar="CODE", help="What is spoken, such as en.", rich_help_panel=_PANEL)
]
Model = Annotated[str | None, typer.Option(metavar="NAME", help="The Whisper model.", rich_help_panel=_PANEL)]
Translate = Annotated[bool, typer.Option("--translate", help="Transcript in English.", rich_help_panel=_PANEL)]


def submit(
    source: Source,
    watch: Watch = False,
    priority: Priority = None,
    batch: Batch = None,
    rendition: Renditions = None,
    no_video: NoVideo = False,
    no_audio: NoAudio = False,
    no_thumbnail: NoThumbnail = False,
    no_hls: NoHls = False,
    no_transcription: NoTranscription = False,
    language: Language = None,
    model: Model = None,
    translate: Translate = False,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Send a file or an address to be processed.

    With --watch, exit code 1 if the job failed. Ctrl-C stops the watching; the job goes on.
    """
    options: dict[str, Any] = {
        "renditions": [] if no_video else rendition or None,
        "audio": False if no_audio else None,
        "thumbnail": False if no_thumbnail else None,
        "hls": False if no_hls or no_video else None,
        "transcription": _told(
            enabled=False if no_transcription else None,
            language=language,
            model=model,
            task="translate" if translate else None,
        ),
    }
    wish = about(source) | _told(priority=priority, batch_id=batch, options=_told(**options))
    _submit(wish, source, api_url, api_key, watch=watch, as_json=as_json)


def about(source: str) -> dict[str, Any]:
    """What POST /jobs wants to know of a file or an address. Raises UsageError where there is no such file."""
    if "://" in source:
        name = PurePosixPath(unquote(urlsplit(source).path)).name
        return {"filename": name or "source", "source_url": source}
    path = Path(source)
    if not path.exists() or not source:
        raise UsageError(f"There is no file {source or repr(source)}.")
    if not path.is_file():
        raise UsageError(f"{source} is not a file.", hints=["Name a video or audio file, one at a time."])
    size = path.stat().st_size
    if not size:
        raise UsageError(f"{source} is empty.")
    kind, _ = mimetypes.guess_type(path.name)
    return {"filename": path.name, "size_bytes": size} | _told(content_type=kind)


def _submit(
    wish: dict[str, Any], source: str, api_url: str | None, api_key: str | None, *, watch: bool, as_json: bool
) -> None:
    client, out = connect(api_url, api_key), console()
    created = client.create_job(wish)
    if as_json:
        print_document({"job_id": created.job_id, "status": created.status})
    with display_for(out, as_json=as_json) as screen:
        screen.say(f"job {created.job_id}")
        start(client, created, Path(source), screen)
        job = watched(client, created.job_id, screen) if watch else None
    if job:
        finished(client, job, out, as_json=as_json)
    elif not as_json:
        out.print(f"Job {created.job_id} is on its way. Follow it:\n  mediajobs watch {created.job_id}")


def _told(**wishes: Any) -> dict[str, Any]:
    """Only what the caller has an opinion on: the service's defaults stay the service's."""
    return {name: value for name, value in wishes.items() if value is not None and value != {}}
