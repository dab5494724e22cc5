"""CPU of the media task against ffmpeg by hand, for the same outputs: `python -m tests.load.bench_media [seconds]`.

The task reads its source from an S3 server in another process and streams to it; the commands by hand read and write
local files. CPU is user and system time of everything that each starts. All run side by side, so that a machine that
is busy with other things slows all of them alike.
"""

import contextlib
import os
import shlex
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import boto3

from mediajobs.media import ladder
from mediajobs.media.ladder import TranscodePlan
from mediajobs.media.options import Options
from mediajobs.media.source import AudioFacts, SourceFacts, VideoFacts
from mediajobs.storage.bucket_store import MediaBucket
from statemachine.tasks import ffmpeg_command, media
from statemachine.tasks.context import TaskContext
from tests.support.task_context import Recorder

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

ROUNDS = 2
JOB_ID = "01JBENCH000000000000000000"
FLAGS = "frag_keyframe+empty_moov+default_base_moof+delay_moov"
AAC, MP3 = "-c:a aac -b:a 128k -ar 48000 -ac 2", "-c:a libmp3lame -b:a 128k -ar 48000 -ac 2"
THUMBNAIL = "fps=2,trim=end=10,thumbnail=20"


def plan(seconds: int) -> TranscodePlan:
    """What the task makes of the source, whose settings the commands by hand have, too."""
    return ladder.plan(facts(Path(), seconds), Options())


def x264(planned: TranscodePlan, index: int | None = None) -> str:
    """Options for one rendition, or for all of them by their number in one command."""
    shared = {**ffmpeg_command.X264, "preset": planned.encoder.preset, **planned.encoder.options}
    words = [f"-c:v libx264 {' '.join(f'-{name} {value}' for name, value in shared.items() if name != 'vcodec')}"]
    for number, rendition in enumerate(planned.renditions):
        control = rendition.rate_control
        if index in {None, number}:
            at = f":v:{number}" if index is None else ""
            words.append(
                f"-crf{at} {control.crf} -maxrate{at} {control.max_bitrate} -bufsize{at} {control.buffer_bits}"
            )
            words.append(f"-rc-lookahead{at} {control.lookahead} -bf{at} {control.b_frames}")
    return " ".join(words)


def by_hand(source: Path, folder: Path, planned: TranscodePlan) -> list[str]:
    """One decode, one command; the tee muxer saves the second AAC encode."""
    graph = "[0:v]split=4[large][b][c][d];[b]scale=640:360[small];"
    graph += f"[c]{THUMBNAIL}[picture];[d]{storyboard(planned)}[sheets]"
    slaves = "|".join(
        rf"[select=\'v:{index},a\':f=mp4:movflags={FLAGS}]{folder}/{rendition.name}.mp4"
        for index, rendition in enumerate(planned.renditions)
    )
    slaves += f"|[select=a:f=mp4:movflags={ffmpeg_command.AUDIO_FLAGS}:frag_duration=6000000]{folder}/sound.mp4"
    command = f"-i {source} -filter_complex {graph} -map [large] -map [small] -map 0:a {x264(planned)} {AAC}"
    command += f" -flags +global_header -f tee {slaves} -map 0:a {MP3} {folder}/audio.mp3"
    command += f" -map [picture] -frames:v 1 {folder}/thumbnail.jpg"
    return [f"{command} -map [sheets] {folder}/storyboard-%d.jpg"]


def one_by_one(source: Path, folder: Path, planned: TranscodePlan) -> list[str]:
    """A command for each output."""
    mp4 = f"-f mp4 -movflags {FLAGS}"
    return [
        f"-i {source} {x264(planned, 0)} {AAC} {mp4} {folder}/720p.mp4",
        f"-i {source} -vf scale=640:360 {x264(planned, 1)} {AAC} {mp4} {folder}/360p.mp4",
        f"-i {source} -vn {MP3} {folder}/audio.mp3",
        f"-i {source} -vn {AAC} -f mp4 -movflags {ffmpeg_command.AUDIO_FLAGS} {folder}/sound.mp4",
        f"-i {source} -vf {THUMBNAIL} -frames:v 1 {folder}/thumbnail.jpg",
        f"-i {source} -vf {storyboard(planned)} {folder}/storyboard-%d.jpg",
    ]


def storyboard(planned: TranscodePlan) -> str:
    """The filters that draw it."""
    if planned.storyboard is None:
        raise ValueError("take a source of over 30 s, so that the task makes a storyboard")
    board = planned.storyboard
    size = f"{board.tile.width}:{board.tile.height}"
    return f"fps=1/{board.interval},scale={size},tile={board.columns}x{board.rows}"


def facts(source: Path, seconds: int) -> SourceFacts:
    return SourceFacts(
        container="mov,mp4,m4a,3gp,3g2,mj2",
        duration_seconds=float(seconds),
        size_bytes=source.stat().st_size,
        sha256="",
        video=VideoFacts(
            index=0, codec="h264", width=1280, height=720, rotation=0, frame_rate=30.0, pix_fmt="yuv420p", hdr=False,
            variable_frame_rate=False, end=float(seconds),
        ),
        audio=AudioFacts(index=1, codec="aac", channels=2, sample_rate=48000, end=float(seconds)),
    )  # fmt: skip


def task(source: Path) -> None:
    """What the container does, in a process of its own."""
    context = TaskContext(
        job_id=JOB_ID,
        account="bench",
        attempt=1,
        filename=source.name,
        options=Options(),
        source=facts(source, int(os.environ["BENCH_SECONDS"])),
        source_url=None,
        bucket=MediaBucket.from_environment(),
        reporter=Recorder(),
        models_dir=Path(),
    )
    media.run(context)


def measure(seconds: int) -> dict[str, float]:
    """CPU seconds of each way, over all rounds."""
    os.environ["BENCH_SECONDS"] = str(seconds)
    planned = plan(seconds)
    with tempfile.TemporaryDirectory() as name, storage() as bucket:
        source = make_source(Path(name) / "source.mp4", seconds)
        bucket.upload_file(str(source), "media", f"sources/{JOB_ID}/source")
        ways = {
            "media task": [sys.executable, "-m", "tests.load.bench_media", "task", str(source)],
            "one command by hand": shell(by_hand(source, folder(name, "one"), planned)),
            "a command for each output": shell(one_by_one(source, folder(name, "each"), planned)),
        }
        spent = dict.fromkeys(ways, 0.0)
        for _ in range(ROUNDS):
            bucket.delete_object(Bucket="media", Key=f"outputs/{JOB_ID}/manifests/media.json")
            for way, cpu in side_by_side(ways).items():
                spent[way] += cpu
    return spent


def folder(parent: str, name: str) -> Path:
    path = Path(parent) / name
    path.mkdir()
    return path


def shell(commands: list[str]) -> list[str]:
    lines = (
        shlex.join([ffmpeg_command.executable(), "-nostdin", "-v", "error", "-y", *command.split()])
        for command in commands
    )
    return ["sh", "-c", " && ".join(lines)]


def side_by_side(ways: dict[str, list[str]]) -> dict[str, float]:
    """CPU seconds of each command with all that it started."""
    running = {way: subprocess.Popen(command) for way, command in ways.items()}
    spent = {}
    for way, process in running.items():
        _, process.returncode, usage = os.wait4(process.pid, 0)
        if process.returncode:
            raise RuntimeError(f"{way} failed")
        spent[way] = usage.ru_utime + usage.ru_stime
    return spent


def make_source(path: Path, seconds: int) -> Path:
    """720p at some Mbit/s: a moving test card with grain, and a tone."""
    card = f"testsrc2=size=1280x720:rate=30:duration={seconds},noise=alls=4:allf=t"
    tone = f"sine=frequency=440:sample_rate=48000:duration={seconds}"
    arguments = ["-f", "lavfi", "-i", card, "-f", "lavfi", "-i", tone, "-ac", "2", "-c:v", "libx264"]
    arguments += ["-preset", "veryfast", "-crf", "26", "-pix_fmt", "yuv420p", "-c:a", "aac", str(path)]
    subprocess.run([ffmpeg_command.executable(), "-nostdin", "-v", "error", "-y", *arguments], check=True, timeout=600)
    return path


@contextlib.contextmanager
def storage() -> Iterator["S3Client"]:
    """An S3 server in a process of its own, so that its CPU does not count."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    os.environ |= {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}", "MEDIA_BUCKET": "media", "AWS_REGION": "us-east-1"}
    os.environ |= {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1"}
    server = subprocess.Popen([sys.executable, "-m", "moto.server", "-p", str(port)], stderr=subprocess.DEVNULL)
    try:
        wait_for(port)
        client = boto3.client("s3")
        client.create_bucket(Bucket="media")
        yield client
    finally:
        server.kill()
        server.wait(10)


def wait_for(port: int) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.1)
    raise TimeoutError("the S3 server does not answer")


def main() -> None:
    if sys.argv[1:2] == ["task"]:
        task(Path(sys.argv[2]))
        return
    spent = measure(int(sys.argv[1]) if len(sys.argv) > 1 else 60)
    for way, seconds in spent.items():
        ratio = spent["media task"] / seconds
        sys.stdout.write(f"{way:28}{seconds:8.2f} s CPU   the task takes {ratio:.3f} of it\n")


if __name__ == "__main__":
    main()
