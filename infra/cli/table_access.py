"""Commands that work on the tables themselves: of the running stack, or of those that the environment names."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer

from infra.cli import target
from infra.cli.errors import CommandError, UsageError

Endpoint = Annotated[
    str | None, typer.Option(metavar="URL", help="An AWS endpoint of your own; the environment names the tables there.")
]


@contextmanager
def tables(endpoint: str | None, *variables: str) -> Iterator[None]:
    """The stores find the tables that these variables name; AWS's errors become the command line's."""
    os.environ.update(_environment(endpoint, variables))
    from botocore.exceptions import BotoCoreError, ClientError
    from pynamodb.exceptions import PynamoDBException

    try:
        yield
    except (PynamoDBException, BotoCoreError, ClientError) as error:
        named = ", ".join(os.environ[variable] for variable in variables)
        raise CommandError(f"The tables cannot be used ({named}): {error}") from error


def _environment(endpoint: str | None, variables: tuple[str, ...]) -> dict[str, str]:
    """What the stores read from the environment, beyond what is already there."""
    missing = [variable for variable in variables if not os.environ.get(variable)]
    if not missing:
        return {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
    if endpoint or len(missing) < len(variables):
        raise UsageError(f"{', '.join(missing)} must name the table{'s' * (len(missing) > 1)} there.")
    from infra.local import status

    stack = status(target.home())
    if stack is None:
        hint = f"{target.START_ONE}, or set {', '.join(variables)} for another one."
        raise UsageError("No stack is running here.", hints=[hint])
    return stack.environment
