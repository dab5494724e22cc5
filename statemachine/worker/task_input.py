"""Parses the input of a task, which is that of batch:submitJob, and maps exit codes to named errors."""

import signal
from typing import Any

from pydantic import BaseModel, Field, ValidationError

BAD_INPUT = "BadInput"
TRANSIENT = "Transient"
ERROR_BY_EXIT_CODE = {65: BAD_INPUT, 75: TRANSIENT, 77: "Stopped"}
CRASHED = "TaskCrashed"
TIMED_OUT = "TaskTimedOut"
CAUSE_LIMIT = 32_768  # characters, as SendTaskFailure counts


class EnvironmentVariable(BaseModel):
    name: str = Field(alias="Name")
    value: str = Field(alias="Value")


class ContainerOverrides(BaseModel):
    command: list[str] = Field(alias="Command", min_length=1)
    environment: list[EnvironmentVariable] = Field(alias="Environment", default=[])


class TaskInput(BaseModel):
    container_overrides: ContainerOverrides = Field(alias="ContainerOverrides")

    @property
    def kind(self) -> str:
        """The stage: validate, media or transcribe."""
        return self.container_overrides.command[0]

    @property
    def environment(self) -> dict[str, str]:
        return {variable.name: variable.value for variable in self.container_overrides.environment}


class TaskError(Exception):
    """A failure as SendTaskFailure takes it."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(error, cause)
        self.error = error
        self.cause = cause[-CAUSE_LIMIT:]


def parse(document: Any) -> TaskInput:
    """Raises TaskError BadInput, because a retry does not help an input without a command."""
    try:
        return TaskInput.model_validate(document)
    except ValidationError as error:
        raise TaskError(BAD_INPUT, f"the task's input is not that of batch:submitJob: {error}") from None


def raise_for_exit_code(exit_code: int, output: str) -> None:
    """Raises the TaskError of an exit code other than 0. A negative one is the signal that ended the task."""
    if exit_code == 0:
        return
    raise TaskError(ERROR_BY_EXIT_CODE.get(exit_code, CRASHED), f"{_describe_exit(exit_code)}\n{output}".strip())


def _describe_exit(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"
