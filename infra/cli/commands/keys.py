"""`mediajobs keys`: API keys of the running stack or of any deployment."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from infra.cli import id_arguments
from infra.cli.command_errors import CommandError
from infra.cli.output import console
from infra.cli.shared_options import AsJson
from infra.cli.table_access import Endpoint, table_settings
from infra.cli.terminal.columns import print_rows
from infra.cli.terminal.json_lines import print_document

if TYPE_CHECKING:
    from mediajobs.accounts.key_store import Key

keys = typer.Typer(help="Create, list, limit and revoke API keys.", no_args_is_help=True)

Account = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="The account to whose jobs the key gives access.",
        show_default=False,
        callback=id_arguments.account,
    ),
]
Limit = Annotated[int, typer.Option(min=1, metavar="N", help="Requests a minute.")]
NewLimit = Annotated[int, typer.Argument(min=1, metavar="N", help="Requests a minute.", show_default=False)]
KeyId = Annotated[
    str,
    typer.Argument(metavar="KEY_ID", help="As `keys list` shows it.", show_default=False, callback=id_arguments.key_id),
]


@keys.command("create")
def create_key(account: Account, limit: Limit = 100, endpoint: Endpoint = None) -> None:
    """Create a key and print it, alone on the last line: it cannot be shown again.

    It is stored in the running stack, or, if API_KEYS_TABLE is set, in that table, with the AWS settings of the
    environment.
    """
    with _key_table(endpoint):
        from mediajobs.accounts.key_store import create

        key = create(account, requests_per_minute=limit)
    typer.echo(key)


@keys.command("list")
def list_keys(account: Account, as_json: AsJson = False, endpoint: Endpoint = None) -> None:
    """List the keys of an account, the oldest first. The secrets are not stored, so they cannot be shown."""
    with _key_table(endpoint):
        from mediajobs.accounts.key_store import of_account

        listed = of_account(account)
    if as_json:
        for key in listed:
            print_document(asdict(key))
        return
    if not listed:
        console().print(Text(f"The account {account} has no keys."), soft_wrap=True)
    print_rows(console(), [_row(key) for key in listed], min_widths={1: 12, 2: 8, 3: 12})


def _row(key: "Key") -> tuple[str | Text, ...]:
    state = Text(f"revoked {key.revoked_at}", "red") if key.revoked_at else Text("valid", "green")
    return key.key_id, f"since {key.created_at}", f"{key.requests_per_minute} a minute", state


@keys.command("revoke")
def revoke_key(key_id: KeyId, endpoint: Endpoint = None) -> None:
    """Revoke a key, at once and for ever."""
    with _key_table(endpoint, key_id):
        from mediajobs.accounts.key_store import revoke

        revoke(key_id)
    console().print(Text(f"The key {key_id} is revoked."))


@keys.command("limit")
def limit_key(key_id: KeyId, requests: NewLimit, endpoint: Endpoint = None) -> None:
    """Set how many requests a key may make in a minute, from now on."""
    with _key_table(endpoint, key_id):
        from mediajobs.accounts.key_store import set_rate_limit

        set_rate_limit(key_id, requests)
    console().print(Text(f"The key {key_id} may make {requests} requests a minute."))


@contextmanager
def _key_table(endpoint: str | None, key_id: str = "") -> Iterator[None]:
    """Sets the environment for the key store; its errors become CommandError."""
    with table_settings(endpoint, "API_KEYS_TABLE"):
        from mediajobs.errors import Conflict, NotFound

        try:
            yield
        except NotFound as error:
            hint = "`mediajobs keys list --account NAME` shows those of an account."
            raise CommandError(f"There is no key {key_id}.", hints=[hint]) from error
        except Conflict as error:
            hint = "`mediajobs keys create --account NAME --limit N` makes one."
            raise CommandError(str(error), hints=[hint]) from error
