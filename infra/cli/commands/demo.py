"""`mediajobs demo`: starts a stack of its own, processes one video, downloads all outputs, and stops the stack."""

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

from infra.cli.api.client import Client
from infra.cli.api.documents import Job
from infra.cli.api.hls_check import check_hls
from infra.cli.api.job_watch import raise_unless_completed
from infra.cli.command_errors import CommandError, StoppedError
from infra.cli.commands.models import download_model
from infra.cli.commands.stack import start_stack, stop_stack
from infra.cli.commands.submit import source_request
from infra.cli.job_workflow import download_outputs, upload_source, watch_job
from infra.cli.output import console
from infra.cli.terminal.job_display import display_for
from infra.cli.terminal.job_summary import print_outputs, print_transcript, print_warnings
from infra.cli.terminal.steps import step
from infra.paths import ROOT, default_stack_folder, relative_to_cwd

if TYPE_CHECKING:
    from infra.local import Stack

SPEECH = ROOT / "tests/media/demo/speech.mp4"
EXPECTED_TRANSCRIPT = SPEECH.with_suffix(".transcript.txt")
MAX_WORD_ERROR_RATE = 0.05  # of the transcript of SPEECH
MODEL = "base"
STATE_FOLDERS = ("state", "objects")  # in the stack's folder
STALL_TIMEOUT_SECONDS = 600.0  # without progress of the job

Handler = Callable[[int, FrameType | None], object] | signal.Handlers
File = Annotated[Path | None, typer.Argument(help="Your own video; by default a short speech.")]


def demo(file: File = None) -> None:
    """Process one video from upload to transcript, on a stack of its own.

    Starts a stack on a free port, processes the video, keeps all outputs in .local/demo/output, and stops the stack.
    Exit code 0 only if the job is completed.
    """
    out, folder = console(), default_stack_folder() / "demo"
    video = file or SPEECH
    request = source_request(str(video))
    try:
        # SIGTERM and SIGHUP raise KeyboardInterrupt, so that the stack is stopped then, too.
        with _signal_handler(signal.default_int_handler, signal.SIGTERM, signal.SIGHUP), _new_stack_folder(folder):
            _download_model(out)
            job, files = _process(out, folder, video, request)
            _report(out, video, job, files)
    except BaseException as error:  # KeyboardInterrupt as well: however the demo ends, it names its logs
        out.print(Text(f"  Logs: {relative_to_cwd(folder / 'logs')}"), soft_wrap=True)
        if isinstance(error, KeyboardInterrupt | StoppedError):
            raise StoppedError("The demo was stopped.") from None
        raise


@contextmanager
def _new_stack_folder(folder: Path) -> Iterator[None]:
    """Allows one demo at a time, and removes everything of an earlier demo except its outputs."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (folder / "demo.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise CommandError(f"Another demo is running in {relative_to_cwd(folder)}. Let it finish first.") from None
        stop_stack(folder)
        for name in STATE_FOLDERS:
            shutil.rmtree(folder / name, ignore_errors=True)
        yield


def _process(out: Console, folder: Path, video: Path, request: dict[str, Any]) -> tuple[Job, dict[str, Path]]:
    """Runs the job on a stack that is stopped afterwards. Returns the job and its files by output name."""
    with _running_stack(out, folder) as stack:
        client = Client(stack.api_url, stack.api_key or "")
        created = client.create_job(request)
        with display_for(out) as display:
            upload_source(client, created, video, display)
            job = watch_job(client, created.job_id, display, stall_timeout=STALL_TIMEOUT_SECONDS)
        raise_unless_completed(job)
        with step(out, "downloading") as say:
            into = folder / "output" / job.job_id
            files = download_outputs(client, job, [], into)
            say(f"{len(files)} files in {relative_to_cwd(into)}/")
        if master_url := (job.outputs.get("hls") or {}).get("master_url"):
            with step(out, "asking for HLS") as say:
                say(check_hls(client, master_url))
    return job, files


def _download_model(out: Console) -> None:
    """Before the stack starts, which would download the model without showing progress; 145 MB the first time."""
    label = f"Whisper model {MODEL}"
    with step(out, label) as say:
        download_model(MODEL, on_progress=lambda done, total: say(f"{label}: {done / total:.0%}"))
        say(label)


@contextmanager
def _running_stack(out: Console, folder: Path) -> Iterator["Stack"]:
    """A stack on a free port. It is always stopped, and signals cannot interrupt that."""
    try:
        with step(out, "starting a stack") as say:
            stack = start_stack(0, folder, say)
            say(f"a stack of its own, at {stack.endpoint_url}")
        yield stack
    finally:
        signals = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        with _signal_handler(signal.SIG_IGN, *signals), step(out, "stack stopped"):
            stop_stack(folder)


def _report(out: Console, video: Path, job: Job, files: dict[str, Path]) -> None:
    """Prints outputs and transcript. For SPEECH, raises CommandError if too many words are wrong."""
    print_outputs(out, job, files)
    print_warnings(out, job)
    path = files.get("transcript_txt")
    transcript = path.read_text(encoding="utf-8") if path else ""
    print_transcript(out, transcript)
    if video.resolve() != SPEECH.resolve():
        return
    rate = word_error_rate(EXPECTED_TRANSCRIPT.read_text(encoding="utf-8"), transcript)
    out.print(Text(f"\n  Word error rate: {rate:.1%}"))
    if rate >= MAX_WORD_ERROR_RATE:
        expected = relative_to_cwd(EXPECTED_TRANSCRIPT)
        raise CommandError(f"The transcript is too far from {expected}: {rate:.1%} of its words are wrong.")


def word_error_rate(expected: str, transcript: str) -> float:
    """Substituted, missing and added words, divided by the expected words; ignores case and punctuation."""
    import jiwer  # imported here because only this function needs it

    words = jiwer.Compose(
        [
            jiwer.ToLowerCase(),
            jiwer.RemovePunctuation(),
            jiwer.SubstituteRegexes({r"\s+": " "}),
            jiwer.Strip(),
            jiwer.ReduceToListOfListOfWords(),
        ]
    )
    return float(jiwer.wer(expected, transcript, reference_transform=words, hypothesis_transform=words))


@contextmanager
def _signal_handler(handler: Handler, *signals: signal.Signals) -> Iterator[None]:
    """Sets the handler for the signals, and restores the former ones afterwards."""
    former = {number: signal.signal(number, handler) for number in signals}
    try:
        yield
    finally:
        for number, former_handler in former.items():
            signal.signal(number, former_handler)
