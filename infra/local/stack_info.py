"""What is known about a running stack: addresses, key, resource names. It is saved as stack.json."""

from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from infra.local import emulator
from infra.local.private_files import read_json
from infra.local.stack_folder import StackFolder
from infra.paths import MODELS_FOLDER


@dataclass(frozen=True)
class Stack:
    api_url: str
    ws_url: str | None
    api_key: str | None
    endpoint_url: str
    region: str
    home: str
    port: int
    activity: str
    outputs: dict[str, str]
    processes: dict[str, Any] = field(default_factory=dict)
    remarks: list[str] = field(default_factory=list)  # consequences of how the stack was stopped before

    @property
    def document(self) -> dict[str, Any]:
        """The content of stack.json: the outputs are at the top level, as jobs_table and so on."""
        document = asdict(self)
        return {**document.pop("outputs"), **document}

    @property
    def environment(self) -> dict[str, str]:
        """The environment of functions and tasks, for a child process: JOBS_TABLE, AWS_ENDPOINT_URL, …"""
        return environment_of(self.endpoint_url, self.outputs)


FIELDS = {entry.name for entry in fields(Stack)}


def environment_of(url: str, outputs: dict[str, str]) -> dict[str, str]:
    variables = {name.upper(): value for name, value in outputs.items()}
    return {**emulator.client_environment(url), **variables, "MODELS_DIR": str(MODELS_FOLDER)}


def read_stack(folder: StackFolder) -> Stack | None:
    """The saved stack, running or not; None if none is saved."""
    saved = read_json(folder.stack_file)
    if not saved:
        return None
    known = {name: value for name, value in saved.items() if name in FIELDS}
    return Stack(**known, outputs={name: value for name, value in saved.items() if name not in FIELDS})


def usage_text(stack: Stack) -> str:
    """How to use the stack: addresses, and a command to paste into a shell."""
    lines = [f"note: {remark}\n" for remark in stack.remarks]
    lines.append(f"API        {stack.api_url}")
    if stack.ws_url:
        lines.append(f"WebSocket  {stack.ws_url}")
    lines += [
        f"AWS        {stack.endpoint_url} (region {stack.region})",
        f"details    {StackFolder(Path(stack.home)).stack_file}",
        "",
        f"curl -H 'X-API-Key: {stack.api_key}' -H 'Content-Type: application/json' \\",
        f'  -d \'{{"filename": "video.mp4"}}\' {stack.api_url}/jobs',
    ]
    return "\n".join(lines)
