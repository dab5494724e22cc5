"""`mediajobs keys`: keys for the API of the running stack or of any deployment."""

import os
from typing import Annotated

import typer

from infra.cli import place
from infra.cli.failures import CommandError, UsageError

keys = typer.Typer(help="Make keys for the API.", no_args_is_help=True)

Account = Annotated[str, typer.Option(metavar="NAME", help="Whose jobs the key opens.", show_default=False)]
Limit = Annotated[int, typer.Option(min=1, metavar="N", help="Requests a minute.")]
Endpoint = Annotated[
    str | None, typer.Option(metavar="URL", help="An AWS endpoint of your own; KEYS_TABLE names the table there.")
]


@keys.command("create")
def create_key(account: Account, limit: Limit = 100, endpoint: Endpoint = None) -> None:
    """Make a key and print it, alone on the last line: nobody can read it again.

    It goes to the running stack. Where KEYS_TABLE is set, to that table, with the AWS settings of the environment.
    """
    os.environ.update(_environment(endpoint))
    from botocore.exceptions import BotoCoreError, ClientError
    from pynamodb.exceptions import PynamoDBException

    from mediajobs.stores.keys import create

    try:
        key = create(account, requests_per_minute=limit)
    except (PynamoDBException, BotoCoreError, ClientError) as error:
        raise CommandError(f"The key could not be stored in {os.environ['KEYS_TABLE']}: {error}") from error
    typer.echo(key)


def _environment(endpoint: str | None) -> dict[str, str]:
    """What the key store reads from the environment, beyond what is already there."""
    if os.environ.get("KEYS_TABLE"):
        return {"AWS_ENDPOINT_URL": endpoint} if endpoint else {}
    if endpoint:
        raise UsageError("With --endpoint, KEYS_TABLE must name the table of keys.")
    from infra.local import status

    stack = status(place.home())
    if stack is None:
        raise UsageError("No stack is running here.", hints=[f"{place.START_ONE}, or set KEYS_TABLE for another one."])
    return stack.environment
