"""`mediajobs demo`: a stack of its own, one job from end to end, everything it made, and the stack gone again."""

import fcntl
import shutil
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from infra.cli import target
from infra.cli.api.client import Client
from infra.cli.api.documents import Job
from infra.cli.api.hls_check import check_hls
from infra.cli.api.watch import check
from infra.cli.commands.models import fetch
from infra.cli.commands.stack import bring_down, bring_up
from infra.cli.commands.submit import about
from infra.cli.errors import CommandError, StoppedError
from infra.cli.job_run import download_all, start, watched
from infra.cli.options import console
from infra.cli.terminal.job_display import display_for
from infra.cli.terminal.job_summary import show_outputs, show_words
from infra.cli.terminal.steps import step

if TYPE_CHECKING:
    from infra.local import Stack

SPEECH = target.ROOT / "tests/media/demo/speech.mp4"
SAID = SPEECH.with_suffix(".transcript.txt")
WORST_RATE = 0.05
MODEL = "base"
STORED = ("state", "objects")  # folders of a stack's home
PATIENCE = 600.0  # seconds without any progress after which the demo gives up

Handler = Callable[[int, FrameType | None], object] | signal.Handlers
File = Annotated[Path | None, typer.Argument(help="Your own video; a short speech where none is given.")]


def demo(file: File = None) -> None:
    """See it all once, from upload to transcript.

    Starts a stack of its own on a free port, takes a video through it, keeps everything that was made in
    .local/demo/output, and stops the stack. Exit code 0 only if the job is completed.
    """
    out, home = console(), target.home() / "demo"
    film = file or SPEECH
    wish = about(str(film))
    try:
        # SIGTERM and SIGHUP unwind like Ctrl-C, so that the stack comes down then, too.
        with _handling(signal.default_int_handler, signal.SIGTERM, signal.SIGHUP), _alone(home):
            _pull_model(out)
            job, files = _process(out, home, film, wish)
            _report(out, film, job, files)
    except BaseException as error:  # Ctrl-C too: whatever ends the demo, its logs are named
        out.print(Text(f"  Logs: {target.short(home / 'logs')}"), soft_wrap=True)
        if isinstance(error, KeyboardInterrupt | StoppedError):
            raise StoppedError("The demo was stopped.") from None
        raise


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """One demo at a time, each on a new stack: what an earlier one left is removed, except for its outputs."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (home / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"Another demo is at work in {target.short(home)}. Let it finish first.") from None
        bring_down(home)
        for folder in STORED:
            shutil.rmtree(home / folder, ignore_errors=True)
        yield


def _process(out: Console, home: Path, film: Path, wish: dict[str, Any]) -> tuple[Job, dict[str, Path]]:
    """The finished job and its files. The stack is up for exactly as long."""
    with _stack(out, home) as stack:
        client = Client(stack.api_url, stack.api_key or "")
        created = client.create_job(wish)
        with display_for(out) as screen:
            start(client, created, film, screen)
            job = watched(client, created.job_id, screen, patience=PATIENCE)
        check(job)
        with step(out, "downloading") as say:
            folder = home / "output" / job.job_id
            files = download_all(client, job, [], folder)
            say(f"{len(files)} files in {target.short(folder)}/")
        if master_url := (job.outputs.get("hls") or {}).get("master_url"):
            with step(out, "asking for HLS") as say:
                say(check_hls(client, master_url))
    return job, files


def _pull_model(out: Console) -> None:
    """Ahead of the stack, which would pull it silently: 145 MB the first time."""
    what = f"Whisper model {MODEL}"
    with step(out, what) as say:
        fetch(MODEL, on_progress=lambda done, total: say(f"{what}: {done / total:.0%}"))
        say(what)


@contextmanager
def _stack(out: Console, home: Path) -> Iterator["Stack"]:
    """A stack on a free port. It comes down whatever happens; nobody can interrupt that half way."""
    try:
        with step(out, "starting a stack") as say:
            stack = bring_up(0, home, say)
            say(f"a stack of its own, at {stack.endpoint_url}")
        yield stack
    finally:
        with _handling(signal.SIG_IGN, signal.SIGINT, signal.SIGTERM, signal.SIGHUP), step(out, "stack stopped"):
            bring_down(home)


def _report(out: Console, film: Path, job: Job, files: dict[str, Path]) -> None:
    """The table and the words; for the shipped speech, whether they are the words that were said."""
    show_outputs(out, job, files)
    transcript = files.get("transcript_txt")
    heard = transcript.read_text(encoding="utf-8") if transcript else ""
    show_words(out, heard)
    if film.resolve() != SPEECH.resolve():
        return
    rate = word_error_rate(SAID.read_text(encoding="utf-8"), heard)
    out.print(Text(f"\n  Word error rate: {rate:.1%}"))
    if rate >= WORST_RATE:
        raise CommandError(f"The transcript is too far from {target.short(SAID)}: {rate:.1%} of its words are wrong.")


def word_error_rate(said: str, heard: str) -> float:
    """Substituted, missing and added words for each word that was said, without regard to case and punctuation."""
    import jiwer  # for this one line, after the job

    words = jiwer.Compose(
        [
            jiwer.ToLowerCase(),
            jiwer.RemovePunctuation(),
            jiwer.RemoveMultipleSpaces(),
            jiwer.Strip(),
            jiwer.ReduceToListOfListOfWords(),
        ]
    )
    return float(jiwer.wer(said, heard, reference_transform=words, hypothesis_transform=words))


@contextmanager
def _handling(handler: Handler, *signals: signal.Signals) -> Iterator[None]:
    before = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, former in before.items():
            signal.signal(number, former)
