"""`mediajobs models`: the Whisper models that transcribe."""

from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.table import Table
from rich.text import Text

from infra import models as known
from infra.cli import target
from infra.cli.errors import CommandError
from infra.cli.options import console
from infra.cli.terminal.job_display import display_for

models = typer.Typer(help="Fetch and list Whisper models.", no_args_is_help=True)

HOME = target.ROOT / ".local" / "models"  # all stacks on this machine share them

Into = Annotated[Path, typer.Option(metavar="DIR", help="The folder of models.", show_default=".local/models")]
ModelName = Annotated[str, typer.Argument(metavar="NAME", help="See `mediajobs models list`.")]


@models.command("pull")
def pull_model(name: ModelName = known.DEFAULT, into: Into = HOME) -> None:
    """Fetch a model and check it by its SHA-256. Nothing to do where it is already there."""
    missing = name in known.MODELS and name not in known.installed(into)
    home = _fetch_with_bar(name, into) if missing else fetch(name, into)
    console().print(Text(f"The model {name} is in {target.short(home)}."), soft_wrap=True)


@models.command("list")
def list_models(into: Into = HOME) -> None:
    """The models that can be pulled, and those that are here."""
    here = set(known.installed(into))
    table = Table.grid(padding=(0, 2))
    for name in sorted(here | set(known.MODELS)):
        size = decimal(known.MODELS[name].size) if name in known.MODELS else ""
        how = Text("here", "green") if name in here else Text(f"mediajobs models pull {name}", "dim")
        table.add_row(name, size, how)
    console().print(table)


def fetch(name: str, into: Path = HOME, on_progress: known.OnProgress = lambda _done, _total: None) -> Path:
    """The model's folder. `on_progress` is told the bytes so far and in all."""
    try:
        return known.pull(name, into, on_progress)
    except known.ModelError as error:
        raise CommandError(str(error)) from error


def _fetch_with_bar(name: str, into: Path) -> Path:
    told = 0
    with display_for(console()) as screen:

        def advance(done: int, _total: int) -> None:
            nonlocal told
            screen.advance(done - told)
            told = done

        screen.begin(f"model {name}", known.MODELS[name].size)
        return fetch(name, into, advance)
