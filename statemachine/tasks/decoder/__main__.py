"""Runs in a process of its own, with limits and without credentials: a source may be hostile.

`python -m statemachine.tasks.decoder REQUEST`, where REQUEST is JSON: `{"command": "scan" | "pictures" | "samples", …}`
with the arguments of that function, and `read_seconds`, after which a silent storage is given up. It fails with exit
code 3 and a JobError as JSON on its standard error.
"""

import importlib
import json
import logging
import os
import sys
from typing import Any

import av

from mediajobs.errors import JobError
from statemachine.tasks.decoder import source_reader
from statemachine.tasks.process_runner import EXIT_NAMED_FAILURE, EXIT_READER_GONE

COMMANDS = {
    "scan": ("statemachine.tasks.decoder.scan", "write_scan"),
    "pictures": ("statemachine.tasks.decoder.pictures", "write_pictures"),
    "samples": ("statemachine.tasks.decoder.samples", "write_samples"),
}


def main(request: dict[str, Any]) -> int:
    av.logging.set_level(av.logging.ERROR)  # errors carry the last line
    logging.getLogger("libav").setLevel(logging.CRITICAL)
    source_reader.INPUT_OPTIONS["rw_timeout"] = str(request.pop("read_seconds") * 1_000_000)
    module, function = COMMANDS[request.pop("command")]
    try:
        getattr(importlib.import_module(module), function)(**request)
    except JobError as error:
        failure = {"code": error.code, "message": str(error), "retryable": error.retryable}
        sys.stderr.write(f"\n{json.dumps(failure)}\n")
        return EXIT_NAMED_FAILURE
    except BrokenPipeError:  # whoever reads has ended, and says why
        return EXIT_READER_GONE
    return 0


if __name__ == "__main__":
    code = main(json.loads(sys.argv[1]))
    sys.stderr.flush()
    os._exit(code)  # without waiting for the threads of decoders
