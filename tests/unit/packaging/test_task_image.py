"""The task image, as far as it can be told without building it."""

import re
import shlex
import subprocess
import sys
import sysconfig
from collections.abc import Iterator
from fnmatch import fnmatchcase
from pathlib import Path

import pytest

from infra.packaging.lambda_layer import copy_code
from infra.paths import ROOT
from tests.support.waiting import HANG_SECONDS

DOCKERFILE = ROOT / "statemachine" / "tasks" / "Dockerfile"

Instruction = tuple[str, str]


def parse(text: str) -> list[Instruction]:
    """Instruction and arguments, with comments gone and continued lines joined."""
    lines = [line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    joined = "\n".join(lines).replace("\\\n", " ")
    return [(word.upper(), rest.strip()) for word, _, rest in (line.partition(" ") for line in joined.splitlines())]


@pytest.fixture(scope="module")
def image() -> list[Instruction]:
    return parse(DOCKERFILE.read_text())


def values(image: list[Instruction], name: str) -> list[str]:
    return [rest for word, rest in image if word == name]


def copied(image: list[Instruction]) -> Iterator[tuple[str, str]]:
    """Source in this repository, place in the image."""
    for rest in values(image, "COPY"):
        if not rest.startswith("--from="):
            *sources, target = shlex.split(rest)
            yield from ((source, target) for source in sources)


def test_bases_are_pinned_by_digest(image: list[Instruction]) -> None:
    stages = {rest.split(" AS ")[1] for rest in values(image, "FROM")}
    bases = {rest.split(" AS ")[0] for rest in values(image, "FROM")} - stages
    outside = [base for base in bases if base != "base-${KIND}"]
    assert outside
    assert all(re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", base) for base in outside), outside
    assert {"base-cpu", "base-cuda"} <= stages


def test_packages_are_the_locked_ones_with_their_hashes(image: list[Instruction]) -> None:
    installs = [command for rest in values(image, "RUN") for command in rest.split("&&") if "pip install" in command]
    locks = {place for _, place in copied(image) if place.startswith("/locks/")}
    assert {re.search(r"-r (\S+)", command)[1] for command in installs} == locks  # type: ignore[index]
    for command in installs:
        assert {"--require-hashes", "--no-deps", "--only-binary"} <= set(command.split())
    for source, place in copied(image):
        if place in locks:
            assert "--hash=sha256:" in (ROOT / source).read_text()


def test_what_is_copied_is_there_and_gets_past_the_ignore_file(image: list[Instruction]) -> None:
    ignore = DOCKERFILE.with_name("Dockerfile.dockerignore").read_text().splitlines()
    let_in = [line[1:] for line in ignore if line.startswith("!")]
    assert "*" in ignore
    for source, _ in copied(image):
        assert (ROOT / source).exists()
        assert any(source == one or fnmatchcase(source, f"{one}/*") for one in let_in), source


def test_a_task_is_no_root_and_may_write_to_its_scratch(image: list[Instruction]) -> None:
    words = [word for word, _ in image]
    assert values(image, "USER") == ["10001:10001"]
    assert words.index("USER") > max(number for number, word in enumerate(words) if word in {"RUN", "COPY"})
    assert values(image, "VOLUME") == ['["/scratch"]']
    made = [rest for rest in values(image, "RUN") if "/scratch" in rest]
    assert "--uid 10001" in made[0]
    assert "install -d -o mediajobs" in made[0]


def test_the_entry_point_runs_on_what_is_copied_alone(image: list[Instruction], tmp_path: Path) -> None:
    for source, place in copied(image):
        if place.startswith(("layers", "statemachine")):
            if (ROOT / source).is_dir():
                copy_code(ROOT / source, tmp_path / place)
            else:
                (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
                (tmp_path / place).write_bytes((ROOT / source).read_bytes())
    assert values(image, "ENTRYPOINT") == ['["python", "-m", "statemachine.tasks.launcher"]']
    modules = [path.stem for path in (tmp_path / "statemachine" / "tasks").glob("*.py") if path.stem != "__main__"]
    # Isolated: neither this checkout nor its editable installation is on the path, only the packages are.
    code = (
        "import importlib, runpy, sys; sys.path[:0] = sys.argv[1:4]\n"
        "for name in sys.argv[4:]: importlib.import_module(f'statemachine.tasks.{name}')\n"
        "sys.argv[1:] = ['--help']; runpy.run_module('statemachine.tasks.launcher', run_name='__main__')"
    )
    paths = [str(tmp_path), str(tmp_path / "layers" / "python"), sysconfig.get_path("purelib")]
    command = [sys.executable, "-I", "-S", "-c", code, *paths, *modules]
    done = subprocess.run(command, capture_output=True, text=True, timeout=HANG_SECONDS, check=False)
    assert done.returncode == 0, done.stderr
    assert "--job-id" in done.stdout


def test_no_module_named_test_lies_where_a_task_would_import_it(image: list[Instruction]) -> None:
    """The package `future` imports a module `test` if there is one (CVE-2025-50817)."""
    roots = [ROOT, ROOT / "layers" / "python"]  # PYTHONPATH and the working directory of the image
    assert "layers/python" in " ".join(values(image, "ENV"))
    assert not [root / name for root in roots for name in ("test.py", "test") if (root / name).exists()]
