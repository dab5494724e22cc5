"""`mediajobs models`: downloads and lists the Whisper models for transcription."""

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from infra import whisper_models
from infra.cli.command_errors import CommandError
from infra.cli.output import console
from infra.cli.terminal.job_display import display_for
from infra.paths import MODELS_FOLDER, relative_to_cwd

models = typer.Typer(help="Download and list Whisper models.", no_args_is_help=True)

Into = Annotated[Path, typer.Option(metavar="DIR", help="The folder of models.", show_default=".local/models")]
ModelName = Annotated[str, typer.Argument(metavar="NAME", help="See `mediajobs models list`.")]


@models.command("pull")
def pull_model(name: ModelName = whisper_models.DEFAULT_MODEL, into: Into = MODELS_FOLDER) -> None:
    """Download a model and check it by its SHA-256, unless it is already there."""
    missing = name in whisper_models.PINNED_MODELS and name not in whisper_models.installed(into)
    folder = _download_with_progress(name, into) if missing else download_model(name, into)
    console().print(Text(f"The model {name} is in {relative_to_cwd(folder)}."), soft_wrap=True)


@models.command("list")
def list_models(into: Into = MODELS_FOLDER) -> None:
    """List the models that can be downloaded, and those that are here."""
    installed = set(whisper_models.installed(into))
    table = Table.grid(padding=(0, 2))
    for name in sorted(installed | set(whisper_models.PINNED_MODELS)):
        pinned = whisper_models.PINNED_MODELS.get(name)
        hint = Text("here", "green") if name in installed else Text(f"mediajobs models pull {name}", "dim")
        table.add_row(name, decimal(pinned.size) if pinned else "", hint)
    console().print(table)


def download_model(
    name: str,
    into: Path = MODELS_FOLDER,
    on_progress: whisper_models.OnProgress = lambda _done, _total: None,
) -> Path:
    """Returns the model's folder. `on_progress` gets the bytes so far and in total. Raises CommandError."""
    try:
        return whisper_models.pull(name, into, on_progress)
    except whisper_models.ModelError as error:
        raise CommandError(str(error)) from error


def _download_with_progress(name: str, into: Path) -> Path:
    shown = 0
    with display_for(console()) as display:

        def advance(done: int, _total: int) -> None:
            nonlocal shown
            display.advance(done - shown)
            shown = done

        display.begin_transfer(f"model {name}", whisper_models.PINNED_MODELS[name].size)
        return download_model(name, into, advance)
