"""`mediajobs submit`: creates a job for a file or an address."""

import mimetypes
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, get_args
from urllib.parse import unquote, urlsplit

import typer

from infra.cli import id_arguments
from infra.cli.api.client import Client
from infra.cli.command_errors import UsageError
from infra.cli.job_workflow import show_result, upload_source, watch_job
from infra.cli.output import console
from infra.cli.shared_options import ApiKey, ApiUrl, AsJson, Watch, connect, without_unset
from infra.cli.terminal.job_display import display_for
from infra.cli.terminal.json_lines import print_document
from mediajobs.media.options import Quality
from mediajobs.media.renditions import RENDITIONS

_PANEL = "Outputs (default: all)"


def _rendition(name: str) -> str:
    if name not in RENDITIONS:
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(map(repr, RENDITIONS))}.")
    return name


def _quality(name: str) -> str:
    if name not in get_args(Quality):
        raise typer.BadParameter(f"{name!r} is not one of {', '.join(map(repr, get_args(Quality)))}.")
    return name


Source = Annotated[str, typer.Argument(metavar="FILE|URL", help="A video or audio file, or its https or s3 address.")]
Priority = Annotated[int | None, typer.Option(metavar="1-10", min=1, max=10, help="10 goes first; the default is 5.")]
Batch = Annotated[
    str | None,
    typer.Option("--batch", metavar="ID", help="The batch of the job, new or not.", callback=id_arguments.batch_id),
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
QualityOption = Annotated[
    str | None,
    typer.Option(
        "--quality",
        metavar="|".join(get_args(Quality)),
        help="Faster, or smaller; the default is balanced.",
        parser=_quality,
        rich_help_panel=_PANEL,
    ),
]
NoVideo = Annotated[bool, typer.Option("--no-video", help="No renditions and no HLS.", rich_help_panel=_PANEL)]
NoAudio = Annotated[bool, typer.Option("--no-audio", help="No MP3.", rich_help_panel=_PANEL)]
NoThumbnail = Annotated[bool, typer.Option("--no-thumbnail", help="No thumbnail.", rich_help_panel=_PANEL)]
NoStoryboard = Annotated[bool, typer.Option("--no-storyboard", help="No storyboard.", rich_help_panel=_PANEL)]
NoHls = Annotated[bool, typer.Option("--no-hls", help="No HLS playlists.", rich_help_panel=_PANEL)]
NoTranscription = Annotated[bool, typer.Option("--no-transcription", help="No transcript.", rich_help_panel=_PANEL)]
Language = Annotated[
    str | None, typer.Option(metavar="CODE", help="The spoken language, such as en.", rich_help_panel=_PANEL)
]
Model = Annotated[str | None, typer.Option(metavar="NAME", help="The Whisper model.", rich_help_panel=_PANEL)]
Translate = Annotated[bool, typer.Option("--translate", help="Transcript in English.", rich_help_panel=_PANEL)]


def submit(
    source: Source,
    watch: Watch = False,
    priority: Priority = None,
    batch: Batch = None,
    rendition: Renditions = None,
    quality: QualityOption = None,
    no_video: NoVideo = False,
    no_audio: NoAudio = False,
    no_thumbnail: NoThumbnail = False,
    no_storyboard: NoStoryboard = False,
    no_hls: NoHls = False,
    no_transcription: NoTranscription = False,
    language: Language = None,
    model: Model = None,
    translate: Translate = False,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Create a job for a file, which is uploaded, or for an address.

    With --watch, exit code 1 if the job failed. Ctrl-C stops the watching; the job continues.
    """
    options = without_unset(
        renditions=[] if no_video else rendition or None,
        quality=quality,
        audio=False if no_audio else None,
        thumbnail=False if no_thumbnail else None,
        storyboard=False if no_storyboard else None,
        hls=False if no_hls or no_video else None,
        transcription=without_unset(
            enabled=False if no_transcription else None,
            language=language,
            model=model,
            task="translate" if translate else None,
        ),
    )
    request = source_request(source) | without_unset(priority=priority, batch_id=batch, options=options)
    _submit(connect(api_url, api_key), request, source, watch=watch, as_json=as_json)


def source_request(source: str) -> dict[str, Any]:
    """The fields of POST /jobs for a file or an address. Raises UsageError if there is no such file."""
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
    content_type, _ = mimetypes.guess_type(path.name)
    return {"filename": path.name, "size_bytes": size} | without_unset(content_type=content_type)


def _submit(client: Client, request: dict[str, Any], source: str, *, watch: bool, as_json: bool) -> None:
    out = console()
    created = client.create_job(request)
    if as_json:
        print_document({"job_id": created.job_id, "status": created.status})
    with display_for(out, as_json=as_json) as display:
        display.say(f"job {created.job_id}")
        upload_source(client, created, Path(source), display)
        job = watch_job(client, created.job_id, display) if watch else None
    if job:
        show_result(client, job, out, as_json=as_json)
    elif not as_json:
        out.print(f"Job {created.job_id} is created. Watch it:\n  mediajobs watch {created.job_id}")
