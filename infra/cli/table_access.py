"""Lets commands use the tables directly: those of the running stack, or those that the environment names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from infra.cli.api_target import START_HINT
from infra.cli.command_errors import CommandError, UsageError
from infra.paths import default_stack_folder

Endpoint = Annotated[
    str | None, typer.Option(metavar="URL", help="An AWS endpoint of your own; the environment names the tables there.")
]


@contextmanager
def table_settings(endpoint: str | None, *variables: str) -> Iterator[None]:
    """Sets the environment variables that name tables, for the stores. AWS's errors become CommandError."""
    os.environ.update(_environment(endpoint, variables))
    from botocore.exceptions import BotoCoreError, ClientError
    from pynamodb.exceptions import PynamoDBException

    try:
        yield
    except (PynamoDBException, BotoCoreError, ClientError) as error:
        names = ", ".join(os.environ[variable] for variable in variables)
        raise CommandError(f"The tables cannot be used ({names}): {error}") from error


def _environment(endpoint: str | None, variables: tuple[str, ...]) -> dict[str, str]:
    """The variables that the stores read and that are not set yet. Raises UsageError."""
    missing = [variable for variable in variables if not os.environ.get(variable)]
    if not missing:
        return {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
    if endpoint or len(missing) < len(variables):
        raise UsageError(f"{', '.join(missing)} must name the table{'s' * (len(missing) > 1)} there.")
    from infra.local import status

    stack = status(default_stack_folder())
    if stack is None:
        hint = f"{START_HINT}, or set {', '.join(variables)} for another one."
        raise UsageError("No stack is running here.", hints=[hint])
    return stack.environment
