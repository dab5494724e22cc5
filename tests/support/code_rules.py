"""What a module must not do, as its syntax tree shows. Each rule gives what breaks it; nothing where all is well."""

import ast
from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

CLOCK_CALLS = {"time", "time_ns", "monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "gmtime", "localtime"}
CLOCK_METHODS = {"now", "utcnow", "today"}  # of datetime and date
DATES = {"datetime", "date"}
ENVIRONMENT = {"environ", "getenv", "environb", "getenvb"}
CLOUD_WORDS = ("localhost", "127.0.0.1", "ministack", "localstack", "aws_endpoint_url", "amazonaws.com")


@dataclass(frozen=True)
class Module:
    """`name` is dotted and absolute; that of a package's `__init__.py` is the package's."""

    name: str
    source: str
    is_package: bool = False

    @cached_property
    def tree(self) -> ast.Module:
        return ast.parse(self.source)

    @property
    def imports(self) -> Iterator[str]:
        """Each import, `from a import b` as `a.b`; those inside functions too, and relative ones as absolute."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Import):
                yield from (alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom):
                parent = ".".join(filter(None, [self._above(node.level), node.module]))
                yield from (f"{parent}.{alias.name}" for alias in node.names)

    @property
    def strings(self) -> Iterator[str]:
        """Every string constant that is no docstring."""
        docstrings = {
            id(node.body[0].value)
            for node in ast.walk(self.tree)
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
            and node.body
            and isinstance(node.body[0], ast.Expr)
        }
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
                yield node.value

    @property
    def attributes(self) -> Iterator[str]:
        """`a.b` of every access to an attribute of a plain name."""
        for node in ast.walk(self.tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
                yield f"{node.value.id}.{node.attr}"

    def _above(self, level: int) -> str:
        if not level:
            return ""
        parts = self.name.split(".")
        return ".".join(parts[: len(parts) - level + self.is_package])


def modules_below(folder: Path, prefix: str = "") -> list[Module]:
    """The modules of a folder, named from it on, after `prefix`."""
    return [_module(path, folder, prefix) for path in sorted(folder.rglob("*.py"))]


def _module(path: Path, folder: Path, prefix: str) -> Module:
    is_package = path.name == "__init__.py"
    parts = (path.parent if is_package else path.with_suffix("")).relative_to(folder).parts
    return Module(".".join(filter(None, [prefix, *parts])), path.read_text(), is_package)


def within(name: str, parent: str) -> bool:
    return name == parent or name.startswith(f"{parent}.")


def imports_from(module: Module, forbidden: Set[str]) -> list[str]:
    """Its imports of these modules and packages, and of what is in them."""
    return sorted({name for name in module.imports if any(within(name, parent) for parent in forbidden)})


def upward_imports(module: Module, root: str, layers: Sequence[Set[str]]) -> list[str]:
    """Its imports below `root` of its own layer's other packages, or of a higher layer. The lowest layer is first."""
    own = _part(module.name, root)
    others = {name: _part(name, root) for name in module.imports if within(name, root) and name != root}
    return sorted(name for name, part in others.items() if _is_above(part, own, layers))


def _part(name: str, root: str) -> str:
    """Its package directly below the root."""
    return name.removeprefix(f"{root}.").partition(".")[0]


def _is_above(part: str, own: str, layers: Sequence[Set[str]]) -> bool:
    if part == own or not (floors := [number for number, layer in enumerate(layers) if part in layer]):
        return False  # no layer: a name of the root package itself, such as its version
    return floors[0] >= next(number for number, layer in enumerate(layers) if own in layer)


def unplaced(modules: Sequence[Module], root: str, layers: Sequence[Set[str]]) -> list[str]:
    """The packages below `root` that are in no layer."""
    known = {name for layer in layers for name in layer}
    return sorted({_part(module.name, root) for module in modules if module.name != root} - known)


def circle(modules: Sequence[Module]) -> list[str]:
    """The modules that import each other, directly or not, with those that import them."""
    uses = {module.name: _used(module, {other.name for other in modules}) for module in modules}
    while ground := {name for name, used in uses.items() if not used & uses.keys()}:
        uses = {name: used for name, used in uses.items() if name not in ground}
    return sorted(uses)


def _used(module: Module, known: Set[str]) -> set[str]:
    """The module of each import: `a.b` is either the module or the name b in the module a."""
    found = {name if name in known else name.rpartition(".")[0] for name in module.imports}
    return (found & known) - {module.name}


def environment_reads(module: Module) -> list[str]:
    return sorted(
        {name for name in module.attributes if name in {f"os.{word}" for word in ENVIRONMENT}}
        | {name for name in module.imports if name in {f"os.{word}" for word in ENVIRONMENT}}
    )


def clock_reads(module: Module) -> list[str]:
    """How it asks for the time: `time.monotonic`, `datetime.now`, and the like. To sleep is not to ask."""
    calls = {f"time.{word}" for word in CLOCK_CALLS}
    methods = {f"{kind}.{word}" for kind in DATES for word in CLOCK_METHODS}
    dotted = {
        f"{node.value.attr}.{node.attr}"
        for node in ast.walk(module.tree)
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Attribute)
    }
    return sorted(({*module.attributes} & (calls | methods)) | ({*module.imports} & calls) | (dotted & methods))


def strings_with(module: Module, words: Sequence[str]) -> list[str]:
    """Its strings in which one of these words occurs, in whatever case."""
    return [text for text in module.strings if any(word.lower() in text.lower() for word in words)]


def impure_imports(module: Module, outside: Set[str], impure: Mapping[str, bool]) -> list[str]:
    """Its imports of `outside`, and of modules that are impure. `impure` has every module of the library by name."""
    used = _used(module, impure.keys())
    return [*imports_from(module, outside), *sorted(name for name in used if impure[name])]
