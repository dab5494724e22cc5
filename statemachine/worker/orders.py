"""What a task asks for, and what its end means. The input is that of batch:submitJob; so are the names."""

import signal
from typing import Any

from pydantic import BaseModel, Field, ValidationError

BAD_INPUT = "BadInput"
TRANSIENT = "Transient"
ERRORS = {65: BAD_INPUT, 75: TRANSIENT, 77: "Stopped"}
CRASHED = "TaskCrashed"
TIMED_OUT = "TaskTimedOut"
CAUSE_LIMIT = 32_768  # characters, as SendTaskFailure counts


class Variable(BaseModel):
    name: str = Field(alias="Name")
    value: str = Field(alias="Value")


class Overrides(BaseModel):
    command: list[str] = Field(alias="Command", min_length=1)
    environment: list[Variable] = Field(alias="Environment", default=[])


class Order(BaseModel):
    overrides: Overrides = Field(alias="ContainerOverrides")

    @property
    def kind(self) -> str:
        """Which task it is: validate, media or transcribe."""
        return self.overrides.command[0]

    @property
    def environment(self) -> dict[str, str]:
        return {variable.name: variable.value for variable in self.overrides.environment}


class TaskError(Exception):
    """What SendTaskFailure is told."""

    def __init__(self, error: str, cause: str) -> None:
        super().__init__(error, cause)
        self.error = error
        self.cause = cause[-CAUSE_LIMIT:]


def read(document: Any) -> Order:
    """Raises TaskError: no retry makes a command out of an input that has none."""
    try:
        return Order.model_validate(document)
    except ValidationError as error:
        raise TaskError(BAD_INPUT, f"the task's input is not that of batch:submitJob: {error}") from None


def check(exit_code: int, last_words: str) -> None:
    """Raises the TaskError that an exit code stands for; a negative one is the signal that ended the task."""
    if exit_code == 0:
        return
    raise TaskError(ERRORS.get(exit_code, CRASHED), f"{_ending(exit_code)}\n{last_words}".strip())


def _ending(exit_code: int) -> str:
    if exit_code >= 0:
        return f"exit code {exit_code}"
    try:
        return f"killed by {signal.Signals(-exit_code).name}"
    except ValueError:
        return f"killed by signal {-exit_code}"
