"""Corrects the state that MiniStack saved, before it starts again.

MiniStack saves its own addresses with their port, and positions in streams that it does not save.
"""

import re

from infra.local.private_files import read_json, write_json, write_private
from infra.local.stack_folder import StackFolder

SERVICES_WITH_ADDRESSES = ("apigateway", "cloudformation", "lambda", "sqs")  # they save addresses of MiniStack itself
# In the address of a queue, of the emulator's own paths or of an API: all other addresses belong to users.
_OWN_PORT = re.compile(
    r"(?<=localhost:|127\.0\.0\.1:)\d+(?=/0{12}/|/_aws/|/_ministack/)|(?<=\.execute-api\.localhost:)\d+"
)


def adapt_to_port(folder: StackFolder, port: int) -> None:
    """Makes state that was saved on another port fit this one."""
    _replace_port(folder, port)
    _remove_stream_positions(folder)


def _replace_port(folder: StackFolder, port: int) -> None:
    """MiniStack's queues are keyed by URL: with another port it would find no queue and invoke no function for one."""
    for service in SERVICES_WITH_ADDRESSES:
        file = folder.state / f"{service}.json"
        saved = file.read_text() if file.exists() else ""
        if (replaced := _OWN_PORT.sub(str(port), saved)) != saved:
            write_private(file, replaced)


def _remove_stream_positions(folder: StackFolder) -> None:
    """MiniStack saves how far each function has read a stream, but not the stream, which starts again at 0.

    With the saved positions it would skip as many changes after the restart as there were before.
    """
    file = folder.state / "lambda.json"
    saved = read_json(file)
    if saved.get("payload", {}).pop("dynamodb_stream_positions", None):
        write_json(file, saved)
