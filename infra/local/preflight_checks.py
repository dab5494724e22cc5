"""Checks before a stack starts. Every StackError says in one line how to fix the problem."""

import shutil
from collections.abc import Callable
from pathlib import Path

from infra.local.stack_error import StackError
from infra.paths import MODELS_FOLDER
from infra.whisper_models import ModelError, pull

MIN_FREE_BYTES = 1 << 30


def check_machine(folder: Path) -> None:
    """Raises StackError if disk space is missing."""
    if (free := shutil.disk_usage(folder).free) < MIN_FREE_BYTES:
        raise StackError(
            f"only {free >> 20} MB free below {folder}: make room for 1 GB, or set MEDIAJOBS_HOME elsewhere"
        )


def download_model(name: str, say: Callable[[str], None]) -> None:
    """Downloads a Whisper model unless it is there; `base` is 145 MB. Raises StackError."""
    if not (MODELS_FOLDER / name).exists():
        say(f"pulling the Whisper model {name}")
    try:
        pull(name, MODELS_FOLDER)
    except ModelError as error:
        raise StackError(str(error)) from error
