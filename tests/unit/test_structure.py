"""Imports go down only: functions, then stores, then the pure floor."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LIBRARY = ROOT / "layers" / "python" / "mediajobs"
PURE = sorted(LIBRARY.glob("*.py"))
STORES = sorted((LIBRARY / "stores").glob("*.py"))
TASKS = sorted((ROOT / "statemachine").rglob("*.py"))
FUNCTIONS = sorted((ROOT / "functions").rglob("*.py"))
IMPURE = {"boto3", "botocore", "pynamodb", "requests", "os", "time", "random", "secrets", "socket", "subprocess"}


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def named(paths: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("path", paths, ids=lambda path: str(path.relative_to(ROOT)))


@named(PURE)
def test_the_pure_floor_knows_no_cloud_no_clock_and_no_environment(path: Path) -> None:
    found = set(imports(path))
    assert not {name for name in found if name.split(".")[0] in IMPURE}
    assert not {name for name in found if name.startswith("mediajobs.stores")}
    assert "datetime.now" not in path.read_text()


@named(STORES + PURE)
def test_the_library_knows_neither_functions_nor_tasks_nor_infrastructure(path: Path) -> None:
    roots = {name.split(".")[0] for name in imports(path)}
    assert not roots & {"functions", "chalicelib", "chalice", "statemachine", "infra", "tests"}


@named(TASKS)
def test_tasks_never_import_functions_or_infrastructure(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & {"functions", "chalicelib", "chalice", "infra", "tests"}


@named(FUNCTIONS)
def test_functions_never_import_tasks_or_infrastructure(path: Path) -> None:
    assert not {name.split(".")[0] for name in imports(path)} & {"statemachine", "infra", "tests"}


@named(FUNCTIONS + STORES + PURE)
def test_nobody_asks_which_cloud_this_is(path: Path) -> None:
    text = path.read_text()
    assert not [word for word in ("AWS_ENDPOINT_URL", "localhost", "ministack", "localstack") if word in text.lower()]
