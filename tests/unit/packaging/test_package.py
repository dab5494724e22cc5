"""What a deployment uploads: the wheels of the declared runtime, nothing that never runs, the same bytes every time."""

import hashlib
import os
import shutil
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

from infra.packaging import deployment_package, lambda_layer
from infra.packaging.lambda_layer import PackageError, TargetPlatform
from infra.templates import Template

FUNCTION = "AWS::Serverless::Function"
HERE = os.uname().machine
ELSEWHERE = "aarch64" if HERE == "x86_64" else "x86_64"
VERSION = f"{sys.version_info.major}.{sys.version_info.minor}"


def distribution(site: Path, name: str, *requires: str) -> None:
    """An installed distribution: one module, and metadata that records both."""
    info = site / f"{name}-1.0.dist-info"
    info.mkdir(parents=True)
    (site / f"{name}.py").write_text("")
    metadata = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.0"]
    metadata += [f"Requires-Dist: {line}" for line in requires]
    (info / "METADATA").write_text("\n".join(metadata) + "\n")
    (info / "INSTALLER").write_text("uv")
    (info / "RECORD").write_text(
        f"{name}.py,,\n{info.name}/METADATA,,\n{info.name}/INSTALLER,,\n{info.name}/RECORD,,\n"
    )


def functions(**kinds: dict[str, object]) -> Template:
    return {"Resources": {name: {"Type": FUNCTION, "Properties": own} for name, own in kinds.items()}}


class TestZip:
    def test_has_the_same_bytes_whenever_and_in_whatever_order_the_files_were_written(self, tmp_path: Path) -> None:
        contents = {"b/deep.py": "2", "a.py": "1"}
        for folder, names in (("first", [*contents]), ("second", [*reversed(contents)])):
            for name in names:
                path = tmp_path / folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(contents[name])
                path.chmod(0o600 if folder == "second" else 0o755)
                os.utime(path, (1e9, 1e9 if folder == "second" else 1.5e9))
            deployment_package.zip_folder(tmp_path / folder, tmp_path / f"{folder}.zip")
        first, second = (hashlib.sha256((tmp_path / f"{name}.zip").read_bytes()) for name in ("first", "second"))
        assert first.hexdigest() == second.hexdigest()

    def test_code_comes_without_bytecode_and_tests(self, tmp_path: Path) -> None:
        for name in ("app.py", "tests/test_app.py", "__pycache__/app.pyc"):
            (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "source" / name).write_text("")
        lambda_layer.copy_code(tmp_path / "source", tmp_path / "copy")
        assert [path.name for path in (tmp_path / "copy").rglob("*")] == ["app.py"]


class TestLayer:
    def test_holds_what_the_requirements_lead_to_and_nothing_that_only_chalices_command_line_needs(
        self, tmp_path: Path
    ) -> None:
        distribution(tmp_path, "web", "model; extra == 'parser'", "never; extra == 'other'")
        distribution(tmp_path, "model", "core")
        distribution(tmp_path, "core", "windows; sys_platform == 'win32'")
        distribution(tmp_path, "chalice", "click")
        for name in ("click", "never", "windows"):
            distribution(tmp_path, name)
        (tmp_path / "chalice").mkdir()
        for name in ("__init__.py", "app.py", "local.py"):
            (tmp_path / "chalice" / name).write_text("")

        names = lambda_layer.required_distributions(
            tmp_path, ["web[parser]", "chalice"], TargetPlatform("3.12", "aarch64").markers()
        )
        lambda_layer.prune(tmp_path, names)

        assert names == {"web", "model", "core", "chalice"}
        assert not list(tmp_path.glob("click*")) + list(tmp_path.glob("never*")) + list(tmp_path.glob("windows*"))
        assert {path.name for path in (tmp_path / "chalice").iterdir()} == {"__init__.py", "app.py"}
        assert [path.name for path in (tmp_path / "core-1.0.dist-info").iterdir()] == ["METADATA"]

    def test_a_requirement_that_the_lock_lacks_is_named_with_the_cure(self, tmp_path: Path) -> None:
        with pytest.raises(PackageError, match="lacks absent; run `make lock`"):
            lambda_layer.required_distributions(tmp_path, ["absent"], TargetPlatform("3.12", "aarch64").markers())

    def test_native_modules_are_those_of_the_declared_processor(self, native: Path) -> None:
        assert lambda_layer.check_shared_objects(native.parent, TargetPlatform(VERSION, HERE)) == 1
        with pytest.raises(PackageError, match=f"is for {HERE}, not {ELSEWHERE}"):
            lambda_layer.check_shared_objects(native.parent, TargetPlatform(VERSION, ELSEWHERE))

    def test_native_modules_are_those_of_the_declared_python(self, native: Path) -> None:
        with pytest.raises(PackageError, match=r"is not for Python 3\.9"):
            lambda_layer.check_shared_objects(native.parent, TargetPlatform("3.9", HERE))

    @pytest.fixture
    def native(self, tmp_path: Path) -> Path:
        """A real shared object, alone in a folder."""
        spec = find_spec("pydantic_core._pydantic_core")
        assert spec is not None
        assert spec.origin is not None
        return Path(shutil.copy(spec.origin, tmp_path))


class TestImport:
    def test_a_handler_is_imported_with_the_layer_and_its_folder_alone(self, tmp_path: Path) -> None:
        folders = self.folders(tmp_path, "import os, library\nhandler = os.environ['JOBS_TABLE']\n")
        assert deployment_package.import_handler(sys.executable, folders, "app.handler", ["JOBS_TABLE"]) >= 0

    def test_what_only_this_machine_has_is_missed(self, tmp_path: Path) -> None:
        folders = self.folders(tmp_path, "import pytest\nhandler = None\n")
        with pytest.raises(PackageError, match=r"function/app\.handler cannot be imported .* No module named 'pytest'"):
            deployment_package.import_handler(sys.executable, folders, "app.handler", [])

    def test_a_handler_that_is_not_there_is_missed(self, tmp_path: Path) -> None:
        with pytest.raises(PackageError, match="has no attribute 'gone'"):
            deployment_package.import_handler(sys.executable, self.folders(tmp_path, ""), "app.gone", [])

    def folders(self, root: Path, code: str) -> tuple[Path, Path]:
        for name in ("layer", "function"):
            (root / name).mkdir()
        (root / "layer" / "library.py").write_text("")
        (root / "function" / "app.py").write_text(code)
        return root / "layer", root / "function"


class TestTemplate:
    def test_says_for_which_python_and_processor(self) -> None:
        template = functions(Api={}, Steps={"Runtime": "python3.12"})
        template["Globals"] = {"Function": {"Runtime": "python3.12", "Architectures": ["arm64"]}}
        assert deployment_package.declared_platform(template) == TargetPlatform("3.12", "aarch64")

    def test_functions_that_differ_cannot_share_a_layer(self) -> None:
        template = functions(Api={"Runtime": "python3.12"}, Steps={"Runtime": "python3.13"})
        with pytest.raises(PackageError, match="declare them in Globals"):
            deployment_package.declared_platform(template)

    def test_points_at_what_lies_beside_it(self, tmp_path: Path) -> None:
        build = tmp_path / "build"
        build.mkdir()
        (tmp_path / "machine").mkdir()
        (tmp_path / "machine" / "pipeline.asl.json").write_text("{}")
        template = functions(Api={"CodeUri": "functions/api/"})
        template["Resources"] |= {
            "Layer": {"Type": "AWS::Serverless::LayerVersion", "Properties": {"ContentUri": "layers/"}},
            "Pipeline": {
                "Type": "AWS::Serverless::StateMachine",
                "Properties": {"DefinitionUri": "machine/pipeline.asl.json"},
            },
        }
        packaged = deployment_package.rewrite_local_paths(template, tmp_path, build)["Resources"]
        assert packaged["Api"]["Properties"]["CodeUri"] == "./api.zip"
        assert packaged["Layer"]["Properties"]["ContentUri"] == "./layer.zip"
        assert packaged["Pipeline"]["Properties"]["DefinitionUri"] == "./pipeline.asl.json"
        assert (build / "pipeline.asl.json").read_text() == "{}"
        assert template["Resources"]["Api"]["Properties"]["CodeUri"] == "functions/api/"
