"""CPU, size and quality of x264's settings: `python -m tests.load.bench_quality [CLIP …]`.

Each clip is made once, near-lossless, and kept as raw frames at each height, so that CPU (user and system time) is that
of the encoder alone and SSIM and VMAF compare with what the encoder was given. The sizes of a setting at two CRFs are
interpolated to the SSIM (and to the VMAF) that the reference setting has: its size there, as a share of the
reference's, is the gain. The last table is the CPU of a whole task: decode, 720p, 360p, AAC and MP3 in one command.
"""

import importlib
import importlib.util
import math
import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

REFERENCE = "reference"  # veryfast, CRF 23 and a fixed cap, which every rendition had before there were qualities
REFERENCE_OPTIONS = "-preset veryfast -crf 23 -maxrate {}k -bufsize {}k"
CAPS = {360: 1000, 720: 3500, 1080: 7000}  # kbit/s, of the reference
CRFS = (23, 27)
CHEAP = "-preset veryfast -trellis 1 -aq-mode 2 -bf 5"
SETTINGS = {
    "fast": f"{CHEAP} -rc-lookahead 20",
    "balanced": f"{CHEAP} -rc-lookahead 30 -psy 0 -x264-params subme=7:weightp=2",
    "small": "-preset slow -psy 0 -aq-mode 2 -bf 6 -refs 4 -rc-lookahead 40",
    "preset medium": "-preset medium",
    "preset faster": "-preset faster",
    "preset fast": "-preset fast",
    "preset slow": "-preset slow",
}
CHOSEN = {"fast": 25, "balanced": 25, "small": 25}  # with the CRF of each
ABOVE_360P = (*CHOSEN, "preset medium")  # the others are measured at 360p alone, which takes a quarter of the time
KEYFRAMES = "-profile:v high -pix_fmt yuv420p -force_key_frames expr:gte(t,n_forced*4) -sc_threshold 0 -g 9999"
FONT = "/usr/share/fonts/truetype/dejavu/DejaVuSansMono.ttf"
DEMO = Path(__file__).parents[1] / "media/demo/speech.mp4"
ROUNDS = 2
WHOLE_TASK_CLIPS = ("talk", "film", "sport")
SECONDS = 5  # of each clip: more than one group of pictures
VMAF_EVERY = 8  # frames
# A still with the spectrum of a photograph: noise at six scales, and edges.
SCALES = ("6x4", "20x12", "60x34", "160x90", "480x270", "1280x720")
WEIGHTS = "1.6 1 0.7 0.5 0.3 0.12 1.2"
EDGES = "mandelbrot=s=2560x1440:r=1:maxiter=600:start_scale=0.006:start_x=-0.7436:start_y=-0.1318,trim=end_frame=1"


@dataclass(frozen=True)
class Clip:
    """`source` is ffmpeg's input and `filters` make the clip of it; `{name}` is a file beside the clips."""

    source: str
    filters: str
    heights: tuple[int, ...] = (360, 720)


def _pan(rate: int, size: str, x: str, y: str, filters: str) -> str:
    return f"loop=-1:1:0,setpts=N/{rate}/TB,crop={size}:x='{x}':y='{y}',{filters}"


STILL = "-i {still.png}"
PAGE = "drawbox=0:0:240:ih:0x252526:fill,drawtext=fontfile={font}:textfile={page.txt}:fontsize=17:fontcolor=0xd4d4d4"
SHAPES = (
    "drawbox=0:520:iw:200:0x5da130:fill,"
    "drawbox=x='mod(200*t,1400)-120':y='360-160*abs(sin(3*t))':w=120:h=160:color=0xd62828:t=fill,"
    "drawbox=x='1100-120*t':y=200:w=200:h=60:color=white:t=fill,"
    "drawbox=x='900-60*t':y='440+20*sin(5*t)':w=90:h=140:color=0x5a189a:t=fill,"
    "rotate='0.05*sin(1.5*t)':c=0x7ec8e3"
)
WALKER = (
    "tmix=2,drawbox=x='200+130*t':y='200+40*sin(t)':w=180:h=420:color=0x402010:t=fill,boxblur=1,noise=alls=7:allf=t"
)
BLUR = "tmix=4,fps=30,noise=alls=3:allf=t"
CLIPS = {
    "screen": Clip(
        "-f lavfi -i color=0x1e1e1e:s=1280x720:r=30",
        PAGE + ":x=260:y='-20*floor(12*clip(t-2,0,1.5))-800*gte(t,4.5)',"
        "drawbox=x='700+200*sin(t)':y='300+100*cos(t)':w=10:h=16:color=white:t=fill",
    ),
    "film": Clip(STILL, _pan(24, "1280:720", "300+22*t", "200+9*t", WALKER)),
    "animation": Clip("-f lavfi -i color=0x7ec8e3:s=1280x720:r=24", SHAPES),
    "talk": Clip("-i {demo}", "null"),
    "noise": Clip(STILL, _pan(30, "1280:720", "700+60*t", "300+30*t", "noise=alls=26:allf=t+u")),
    "sport": Clip(STILL, _pan(120, "1280:720", "640+600*sin(1.7*t)", "360+300*sin(2.3*t)", BLUR)),
    "zoom": Clip(
        "-f lavfi -i mandelbrot=s=1280x720:r=25:maxiter=300:end_scale=0.02",
        "hue=s=0.6,noise=alls=6:allf=t",
    ),
    "sport-1080p": Clip(STILL, _pan(120, "1920:1080", "320+310*sin(1.7*t)", "180+170*sin(2.3*t)", BLUR), (1080,)),
}


@dataclass(frozen=True)
class Point:
    """`size` in bytes, `cpu` in seconds."""

    size: int
    cpu: float
    ssim: float
    vmaf: float

    @property
    def decibels(self) -> float:
        """SSIM on a scale on which equal steps cost about equally many bits."""
        return -10 * math.log10(max(1e-6, 1 - self.ssim))


def ffmpeg_path() -> str:
    """The pinned ffmpeg of the package imageio_ffmpeg where it is installed."""
    if importlib.util.find_spec("imageio_ffmpeg"):
        return str(importlib.import_module("imageio_ffmpeg").get_ffmpeg_exe())
    return "ffmpeg"


def ffmpeg(arguments: str) -> tuple[float, str]:
    """Runs it and returns its CPU seconds and what it wrote to stderr."""
    command = [ffmpeg_path(), "-nostdin", "-hide_banner", "-y", *shlex.split(arguments)]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(command, stderr=log)
        _, process.returncode, usage = os.wait4(process.pid, 0)
        log.seek(0)
        text = log.read()
    if process.returncode:
        raise RuntimeError(f"{shlex.join(command)}\n{text[-1000:]}")
    return usage.ru_utime + usage.ru_stime, text


def make_still(folder: Path) -> None:
    inputs = " ".join(
        f"-f lavfi -i color=gray:s={size}:r=1:d=1,format=yuv444p,noise=alls=100:allf=u:all_seed={seed}"
        for seed, size in enumerate(SCALES, 7)
    )
    layers = [f"[{index}]scale=2560:1440:flags=bicubic[l{index}]" for index in range(len(SCALES))]
    layers.append(f"{EDGES},gblur=2,format=yuv444p[l{len(SCALES)}]")
    names = "".join(f"[l{index}]" for index in range(len(layers)))
    graph = ";".join(layers) + f";{names}mix=inputs={len(layers)}:weights='{WEIGHTS}',eq=contrast=1.6"
    ffmpeg(f"{inputs} -filter_complex {shlex.quote(graph)} -frames:v 1 {folder}/still.png")


def make_masters(clip: Clip, folder: Path) -> dict[int, Path]:
    """Raw frames of the clip by height."""
    names = {"still.png": f"{folder}/still.png", "page.txt": f"{folder}/page.txt", "font": FONT, "demo": str(DEMO)}
    source, filters = (_filled(text, names) for text in (clip.source, clip.filters))
    ffmpeg(f"{source} -t {SECONDS} -an -vf {shlex.quote(filters)} -c:v libx264 -preset veryfast -crf 8 "
           f"-pix_fmt yuv420p {folder}/master.mkv")  # fmt: skip
    masters = {height: folder / f"{height}.nut" for height in clip.heights}
    for height, path in masters.items():
        ffmpeg(f"-i {folder}/master.mkv -vf scale=-2:{height} -c:v rawvideo {path}")
    return masters


def _filled(text: str, names: dict[str, str]) -> str:
    for name, value in names.items():
        text = text.replace(f"{{{name}}}", value)
    return text


def measure(master: Path, options: str) -> Point:
    output = master.with_suffix(".mp4")
    cpu, _ = ffmpeg(f"-i {master} -c:v libx264 {KEYFRAMES} {options} {output}")
    # One clock for both: their own time bases round differently, and then frames are compared with their neighbours.
    clock = "settb=1/25,setpts=N,split"
    graph = f"[0]{clock}[a][b];[1]{clock}[c][d];[a][c]ssim;[b][d]libvmaf=n_threads=2:n_subsample={VMAF_EVERY}"
    _, log = ffmpeg(f"-i {output} -i {master} -filter_complex {shlex.quote(graph)} -f null -")
    ssim, vmaf = (float(re.findall(pattern, log)[-1]) for pattern in (r"All:([\d.]+)", r"VMAF score: ([\d.]+)"))
    return Point(output.stat().st_size, cpu, ssim, vmaf)


def size_at(points: Sequence[Point], quality: Callable[[Point], float], target: float) -> float:
    """The size at a quality, on the line through the logarithms of two sizes."""
    low, high = sorted(points, key=quality)
    share = (target - quality(low)) / ((quality(high) - quality(low)) or 1e-9)
    return math.exp((1 - share) * math.log(low.size) + share * math.log(high.size))


def rows(clip: str, height: int, master: Path) -> dict[str, tuple[float, float, float]]:
    """Prints the clip's frontier. Returns size at equal SSIM, at equal VMAF, and CPU, each as shares, by setting."""
    cap = CAPS[height]
    reference = measure(master, REFERENCE_OPTIONS.format(cap, 2 * cap))
    _print_row(clip, height, REFERENCE, 23, reference)
    frontier = {
        name: [measure(master, f"{options} -crf {crf}") for crf in CRFS]
        for name, options in SETTINGS.items()
        if height == 360 or name in ABOVE_360P
    }
    again = measure(master, REFERENCE_OPTIONS.format(cap, 2 * cap)).cpu  # a machine's speed changes meanwhile
    shares = {}
    for name, points in frontier.items():
        for crf, point in zip(CRFS, points, strict=True):
            _print_row(clip, height, name, crf, point)
        by_ssim = size_at(points, lambda point: point.decibels, reference.decibels)
        by_vmaf = size_at(points, lambda point: point.vmaf, reference.vmaf)
        cpu = sum(point.cpu for point in points) / len(points)
        shares[name] = (by_ssim / reference.size, by_vmaf / reference.size, 2 * cpu / (reference.cpu + again))
    return shares


def _print_row(clip: str, height: int, name: str, crf: int, point: Point) -> None:
    cells = (clip, f"{height}p", name, crf, f"{point.cpu:.2f}", f"{point.size / 1000:.0f}", f"{point.ssim:.4f}",
             f"{point.vmaf:.1f}")  # fmt: skip
    _line(cells)


def _line(cells: Iterable[object]) -> None:
    sys.stdout.write("| " + " | ".join(str(cell) for cell in cells) + " |\n")
    sys.stdout.flush()


def geometric_mean(values: Sequence[float]) -> float:
    return math.exp(sum(math.log(value) for value in values) / len(values))


def whole_tasks(folder: Path) -> dict[str, float]:
    """CPU of a whole task with each chosen setting, as a share of the reference's, the least of some rounds."""
    sound = f"-f lavfi -i sine=duration={SECONDS}"
    ffmpeg(f"-i {folder}/master.mkv {sound} -c:v libx264 -crf 20 -c:a aac -shortest {folder}/source.mp4")
    ways = {REFERENCE: "-preset veryfast -crf 23"}
    ways |= {name: f"{SETTINGS[name]} -crf {crf}" for name, crf in CHOSEN.items()}
    spent = dict.fromkeys(ways, math.inf)
    for _ in range(ROUNDS):
        for name, options in ways.items():
            spent[name] = min(spent[name], whole_task(folder, options))
    return {name: spent[name] / spent[REFERENCE] for name in CHOSEN}


def whole_task(folder: Path, options: str) -> float:
    """CPU seconds of one command that decodes an ordinary source and makes 720p, 360p, AAC and MP3."""
    command = (
        f"-i {folder}/source.mp4 -filter_complex [0:v]split[large][b];[b]scale=640:360[small] "
        f"-map [large] -map [small] -map 0:a -c:v libx264 {KEYFRAMES} {options} -c:a aac -b:a 128k "
        "-maxrate:v:0 3500k -bufsize:v:0 7000k -maxrate:v:1 1000k -bufsize:v:1 2000k -flags +global_header "
        rf"-f tee [select=\'v:0,a\':f=mp4]{folder}/large.mp4|[select=\'v:1,a\':f=mp4]{folder}/small.mp4 "
        f"-map 0:a -c:a libmp3lame -b:a 128k {folder}/audio.mp3"
    )
    return ffmpeg(shlex.join(command.split()))[0]


def main() -> None:
    names = sys.argv[1:] or list(CLIPS)
    shares: dict[str, list[tuple[float, float, float]]] = {name: [] for name in SETTINGS}
    whole: dict[str, list[float]] = {name: [] for name in CHOSEN}
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory)
        lines = Path(__file__).read_text(encoding="utf-8").replace("%", "").replace("\\", "").splitlines()
        (folder / "page.txt").write_text("\n".join(line[:100] for line in lines[:200]), encoding="utf-8")
        make_still(folder)
        _line(("clip", "rung", "setting", "CRF", "CPU, s", "kB", "SSIM", "VMAF"))
        _line(["---"] * 8)
        for name in names:
            for height, master in make_masters(CLIPS[name], folder).items():
                for setting, share in rows(name, height, master).items():
                    shares[setting].append(share)
                master.unlink()
            if name in WHOLE_TASK_CLIPS:
                for setting, ratio in whole_tasks(folder).items():
                    whole[setting].append(ratio)
                    _line((name, "task", setting, CHOSEN[setting], f"{ratio:.2f} of the reference", "", "", ""))
    sys.stdout.write("\nGeometric means over clips and rungs, as shares of the reference:\n\n")
    _line(("setting", "size at equal SSIM", "size at equal VMAF", "CPU of the encoder", "CPU of a whole task"))
    _line(["---"] * 5)
    for setting, values in shares.items():
        means = [geometric_mean([value[index] for value in values]) for index in range(3)]
        means += [geometric_mean(whole[setting])] if whole.get(setting) else []
        _line((f"{setting}: `{SETTINGS[setting]}`", *(f"{mean:.2f}" for mean in means)))


if __name__ == "__main__":
    main()
