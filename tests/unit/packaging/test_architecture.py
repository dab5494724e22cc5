"""docs/architecture.md names modules that are there, and template.yaml's table of contents its own headings."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
LIBRARY = ROOT / "layers" / "python" / "mediajobs"
API = ROOT / "functions" / "api" / "chalicelib"
BELOW = {"http": API, "views": API, "openapi": API, "tasks": ROOT / "statemachine", "worker": ROOT / "statemachine"}
PAGE = (ROOT / "docs" / "architecture.md").read_text()
PATHS = sorted({*re.findall(r"`([\w.]+(?:/[\w.]+)+)`", PAGE)})
TEMPLATES = ("template.yaml", "infra/compute.yaml")


def candidates(path: str) -> list[Path]:
    """Where the page's own table says that a short path lies."""
    first = path.partition("/")[0]
    short = BELOW.get(first, LIBRARY if (LIBRARY / first).is_dir() else ROOT)
    return [short / path, short / f"{path}.py"]


def test_the_page_names_modules() -> None:
    assert len(PATHS) > 100


@pytest.mark.parametrize("path", PATHS)
def test_a_path_of_the_page_exists(path: str) -> None:
    assert any(candidate.exists() for candidate in candidates(path))


@pytest.mark.parametrize("name", TEMPLATES)
def test_the_contents_of_a_template_are_its_headings_in_order(name: str) -> None:
    text = (ROOT / name).read_text()
    contents = re.findall(r"(?m)^#  {1,3}(\d+)  (\w+(?: \w+)*)", text)
    headings = re.findall(r"(?m)^ *# ── (\d+) (\w+(?: \w+)*) ─+$", text)
    assert contents == headings
