"""The rules of test_structure on small sources: each finds what breaks it, and leaves the rest alone."""

from pathlib import Path

import pytest

from tests.support import code_rules
from tests.support.code_rules import CLOUD_WORDS, Module

LAYERS = [{"ground"}, {"left", "right"}, {"top"}]


def source(text: str, name: str = "lib.left.a") -> Module:
    return Module(name, text)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("from lib.ground import x\nimport lib.left.b\nfrom lib import __version__\nimport json", []),
        ("from lib.right.b import x", ["lib.right.b.x"]),
        ("from lib import right", ["lib.right"]),
        ("import lib.top.b", ["lib.top.b"]),
        ("def f():\n    from lib.top import b", ["lib.top.b"]),
        ("from ..top import b", ["lib.top.b"]),
        ("from . import b", []),
    ],
)
def test_an_import_upwards_or_sideways_is_found(text: str, found: list[str]) -> None:
    assert code_rules.upward_imports(source(text), "lib", LAYERS) == found


def test_a_package_in_no_layer_is_found() -> None:
    modules = [Module("lib", "", is_package=True), source(""), source("", "lib.new.a")]
    assert code_rules.unplaced(modules, "lib", LAYERS) == ["new"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("import re\nfrom lib.ground.pure import x", []),
        ("import os.path", ["os.path"]),
        ("from botocore.config import Config", ["botocore.config.Config"]),
        ("from lib.ground.job_store import get", ["lib.ground.job_store"]),
        ("from lib.ground import job_store", ["lib.ground.job_store"]),
        ("import oserror", []),
    ],
)
def test_an_impure_import_is_found(text: str, found: list[str]) -> None:
    impure = {"lib.ground.pure": False, "lib.ground.job_store": True}
    assert code_rules.impure_imports(source(text), {"os", "botocore"}, impure) == found


def test_a_circle_is_found() -> None:
    straight = [source("from lib import b", "lib.a"), source("import json", "lib.b")]
    assert code_rules.circle(straight) == []
    three = [source(f"from lib.{used} import x", f"lib.{own}") for own, used in ("ab", "bc", "ca")]
    assert code_rules.circle([*three, source("", "lib.d")]) == ["lib.a", "lib.b", "lib.c"]


@pytest.mark.parametrize("text", ["import infra.cli", "from infra import cli", "def f():\n    import infra"])
def test_a_forbidden_import_is_found(text: str) -> None:
    assert code_rules.imports_from(source(text), {"infra", "tests"})
    assert code_rules.imports_from(source(text.replace("infra", "infrared")), {"infra", "tests"}) == []


def test_an_import_by_a_package_is_found() -> None:
    assert list(Module("lib.left", "from . import a", is_package=True).imports) == ["lib.left.a"]
    assert list(Module("lib.left.a", "from . import b").imports) == ["lib.left.b"]


@pytest.mark.parametrize("text", ["import os\nos.environ['A']", "import os\nos.getenv('A')", "from os import environ"])
def test_a_look_into_the_environment_is_found(text: str) -> None:
    assert code_rules.environment_reads(source(text))
    assert code_rules.environment_reads(source("import os\nos.path.join('environ')")) == []


@pytest.mark.parametrize(
    "text",
    [
        "import time\ntime.time()",
        "import time\nbegan = time.monotonic()",
        "from time import perf_counter",
        "from datetime import datetime\ndatetime.now()",
        "import datetime\ndatetime.datetime.now()",
        "import datetime\ndatetime.date.today()",
        "from datetime import datetime\nclock = datetime.utcnow",
    ],
)
def test_a_question_for_the_time_is_found(text: str) -> None:
    assert code_rules.clock_reads(source(text))


def test_other_uses_of_time_are_no_questions_for_it() -> None:
    text = "import time\nfrom mediajobs import clock\nfrom datetime import datetime\n"
    text += "time.sleep(1)\nclock.now()\nclock.monotonic()\ndatetime.fromisoformat('2026-01-01')"
    assert code_rules.clock_reads(source(text)) == []


@pytest.mark.parametrize("text", ["AWS_ENDPOINT_URL", "http://LocalHost:4566", "ministack", "http://127.0.0.1/"])
def test_a_word_that_names_a_cloud_is_found(text: str) -> None:
    assert code_rules.strings_with(source(f"x = {text!r}"), CLOUD_WORDS) == [text]
    assert code_rules.strings_with(source(f"x = f'{text} {{y}}'"), CLOUD_WORDS)
    assert code_rules.strings_with(source(f'def f():\n    """{text}"""'), CLOUD_WORDS) == []


def test_modules_are_found_by_folder_and_named_by_it(tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    for name in ("jobs/__init__.py", "jobs/model.py", "errors.py", "data.json"):
        (tmp_path / name).touch()
    found = code_rules.modules_below(tmp_path, "lib")
    assert [(module.name, module.is_package) for module in found] == [
        ("lib.errors", False), ("lib.jobs", True), ("lib.jobs.model", False),
    ]  # fmt: skip
