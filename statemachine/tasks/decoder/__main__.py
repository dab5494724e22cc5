"""Runs in a process of its own, confined and without credentials: a source may be hostile.

`python -m statemachine.tasks.decoder REQUEST CONFINEMENT`, both JSON. REQUEST is `{"command": "scan" | "pictures" |
"samples", "socket": D, "size_bytes": N, …}` with the arguments of that function; its source has N bytes and is read
from the socket with the descriptor D. Exit codes: `child_exit_codes`.
"""

import functools
import importlib
import json
import logging
import os
import sys
from collections.abc import Callable
from typing import Any

import av

from mediajobs.errors import JobError
from statemachine.tasks import child_exit_codes, confinement
from statemachine.tasks.confinement import Confinement
from statemachine.tasks.decoder.source_file import SourceFile

COMMANDS = {
    "scan": ("statemachine.tasks.decoder.scan", "write_scan"),
    "pictures": ("statemachine.tasks.decoder.pictures", "write_pictures"),
    "samples": ("statemachine.tasks.decoder.samples", "write_samples"),
}
_LATE_MODULES = (
    "av.subtitles.codeccontext",
    "av.subtitles.stream",
    "numpy.ma",
)  # PyAV and numpy load them on first use


def command(request: dict[str, Any]) -> Callable[[], None]:
    """What is asked for, with all its modules loaded: a confined process cannot open their files."""
    av.logging.set_level(av.logging.ERROR)  # errors carry the last line
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    module, function = COMMANDS[request.pop("command")]
    for late in _LATE_MODULES:
        importlib.import_module(late)
    source = SourceFile(request.pop("socket"), request.pop("size_bytes"))
    return functools.partial(getattr(importlib.import_module(module), function), source=source, **request)


def run(decode: Callable[[], None]) -> int:
    """Returns the exit code."""
    try:
        decode()
    except JobError as error:
        failure = {"code": error.code, "message": str(error), "retryable": error.retryable}
        sys.stderr.write(f"\n{json.dumps(failure)}\n")
        return child_exit_codes.NAMED_FAILURE
    except BrokenPipeError:  # whoever reads has ended, and says why
        return child_exit_codes.READER_GONE
    return 0


if __name__ == "__main__":
    decode = command(json.loads(sys.argv[1]))
    confinement.enter(Confinement(**json.loads(sys.argv[2])))
    code = run(decode)
    sys.stderr.flush()
    os._exit(code)  # without waiting for the threads of decoders
