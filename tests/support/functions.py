"""Loads a function's app.py as Lambda would: its folder is the root of its imports."""

import importlib.util
import sys
from types import ModuleType

from tests.support.template import ROOT

FUNCTIONS = ROOT / "functions"


def load(name: str, copy: int = 0) -> ModuleType:
    """functions/NAME/app.py, loaded once for each copy: Lambda runs several side by side."""
    module_name = f"function_{name}_{copy}" if copy else f"function_{name}"
    if module_name in sys.modules:
        return sys.modules[module_name]
    folder = FUNCTIONS / name
    if str(folder) not in sys.path:
        sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(module_name, folder / "app.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[module_name] = module
    spec.loader.exec_module(module)
    return module
