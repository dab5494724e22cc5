"""Prints the outputs of a job as a table, and its transcript."""

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
from infra.cli.api.downloads import available_outputs
from infra.cli.text_format import printable
from mediajobs.media.outputs import MEDIA_FILES, TRANSCRIPT_FILES

MAX_WORDS = 150  # of a transcript
MAX_LINE_WIDTH = 96


def print_outputs(console: Console, job: Job, files: dict[str, Path] | None = None) -> None:
    """A table with size, compression, and why an output is missing. `files` are the downloaded ones, by output name."""
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
    descriptions = {
        "storyboard": _describe_storyboard(job),
        "transcription": _describe_transcription(job),
        "hls": _describe_hls(job),
    }
    for name, description in descriptions.items():
        if description:
            table.add_row(name, "", "", description)
    console.print()
    console.print(Padding.indent(table, 2))


def print_warnings(console: Console, job: Job) -> None:
    """Prints a line for each warning; nothing where there is none."""
    if job.warnings:
        console.print()
    for warning in job.warnings:
        line = Text.assemble(("  warning ", "yellow"), printable(f"{warning.code}: {warning.message}"))
        console.print(line, soft_wrap=True)


def print_transcript(console: Console, transcript: str) -> None:
    """Prints the transcript, or its first MAX_WORDS words."""
    words = printable(transcript).split()
    if not words:
        return
    text, omitted = " ".join(words[:MAX_WORDS]), len(words) - MAX_WORDS
    width = min(console.width, MAX_LINE_WIDTH) - 4
    console.print()
    for line in textwrap.wrap(f"“{text}”" if omitted <= 0 else f"“{text} …” and {omitted} more words", width):
        console.print(Text("  " + line, "italic"), soft_wrap=True)


def read_transcript(client: Client, job: Job) -> str:
    """The transcript as text; empty if the job has none."""
    name = "transcript_txt"
    return client.text(f"{job_path(job.job_id)}/download/{name}") if name in available_outputs(job) else ""


def _file_cells(entry: dict[str, object], path: Path | None) -> tuple[str | Text, ...]:
    size, file = entry.get("size_bytes"), path.name if path else ""
    if not entry.get("available"):
        return "-", "", Text(printable(str(entry.get("reason") or "not made")), "dim")
    if not isinstance(size, int):
        return "", "", file
    ratio = entry.get("compression_ratio")
    return decimal(size), f"{ratio:.1f} : 1" if isinstance(ratio, float | int) else "", file


def _describe_storyboard(job: Job) -> str:
    entry = job.outputs.get("storyboard") or {}
    return decimal(entry["size_bytes"]) if isinstance(entry.get("size_bytes"), int) else ""


def _describe_transcription(job: Job) -> str:
    entry = job.outputs.get("transcription")
    if entry is None:
        return ""
    if not entry.get("available"):
        return str(entry.get("reason") or "not made")
    count, language, model = entry.get("word_count"), entry.get("language"), entry.get("whisper_model")
    return ", ".join(filter(None, (f"{count} words" if count is not None else "", language, model)))


def _describe_hls(job: Job) -> str:
    entry = job.outputs.get("hls") or {}
    tracks = [name for name, value in entry.items() if isinstance(value, dict) and value.get("available")]
    tracks += [f"captions ({captions['language']})" for captions in entry.get("captions") or []]
    return " and ".join(filter(None, (", ".join(tracks[:-1]), *tracks[-1:])))
