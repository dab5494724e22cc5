"""Folders of this repository, and those that a local stack uses."""

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MODELS_FOLDER = ROOT / ".local" / "models"  # all local stacks share it, because Whisper models are large


def default_stack_folder() -> Path:
    """The folder of the local stack's state: MEDIAJOBS_HOME, else .local in the repository."""
    return Path(os.environ.get("MEDIAJOBS_HOME") or ROOT / ".local").resolve()


def relative_to_cwd(path: Path) -> Path:
    """The path relative to the working directory if it lies below it, else the path unchanged."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path
