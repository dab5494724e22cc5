"""What a job made, as a table, and what was said."""

import textwrap
from pathlib import Path

from rich import box
from rich.console import Console
from rich.filesize import decimal
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from infra.cli.api.client import Client, job_path
from infra.cli.api.documents import Job
from infra.cli.api.downloads import made
from infra.cli.errors import printable
from mediajobs.media.outputs import MEDIA_FILES, TRANSCRIPT_FILES

WORDS_SHOWN = 150


def show_outputs(console: Console, job: Job, files: dict[str, Path] | None = None) -> None:
    """The table of outputs: size, compression, and why one is not there. `files`: those that were downloaded."""
    files = files or {}
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="dim", show_edge=False)
    table.add_column("output", no_wrap=True)
    table.add_column("size", justify="right", no_wrap=True)
    table.add_column("compression", justify="right", no_wrap=True)
    table.add_column("file" if files else "", overflow="fold")
    for name in MEDIA_FILES:
        if (entry := job.outputs.get(name)) is not None:
            table.add_row(name, *_file_cells(entry, files.get(name)))
    for name in TRANSCRIPT_FILES:
        if name in files:
            table.add_row(name.replace("_", " "), decimal(files[name].stat().st_size), "", files[name].name)
    for name, note in (("transcription", _transcription(job)), ("hls", _hls(job))):
        if note:
            table.add_row(name, "", "", note)
    console.print()
    console.print(Padding.indent(table, 2))


def show_words(console: Console, words: str) -> None:
    """The transcript's words, its start where it is long."""
    spoken = printable(words).split()
    if not spoken:
        return
    text, more = " ".join(spoken[:WORDS_SHOWN]), len(spoken) - WORDS_SHOWN
    width = min(console.width, 96) - 4
    console.print()
    for line in textwrap.wrap(f"“{text}”" if more <= 0 else f"“{text} …” and {more} more words", width):
        console.print(Text("  " + line, "italic"), soft_wrap=True)


def words_of(client: Client, job: Job) -> str:
    """The transcript as text; empty where the job has none."""
    name = "transcript_txt"
    return client.text(f"{job_path(job.job_id)}/download/{name}") if name in made(job) else ""


def _file_cells(entry: dict[str, object], path: Path | None) -> tuple[str | Text, ...]:
    size, file = entry.get("size_bytes"), path.name if path else ""
    if not entry.get("available"):
        return "-", "", Text(printable(str(entry.get("reason") or "not made")), "dim")
    if not isinstance(size, int):
        return "", "", file
    ratio = entry.get("compression_ratio")
    return decimal(size), f"{ratio:.1f} : 1" if isinstance(ratio, float | int) else "", file


def _transcription(job: Job) -> str:
    entry = job.outputs.get("transcription")
    if entry is None:
        return ""
    if not entry.get("available"):
        return str(entry.get("reason") or "not made")
    count, language, model = entry.get("word_count"), entry.get("language"), entry.get("whisper_model")
    return ", ".join(filter(None, (f"{count} words" if count is not None else "", language, model)))


def _hls(job: Job) -> str:
    entry = job.outputs.get("hls") or {}
    made_of = [name for name, one in entry.items() if isinstance(one, dict) and one.get("available")]
    return " and ".join(made_of)
