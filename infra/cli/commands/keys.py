"""`mediajobs keys`: keys for the API of the running stack or of any deployment."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from infra.cli import id_arguments
from infra.cli.errors import CommandError
from infra.cli.options import AsJson, console
from infra.cli.table_access import Endpoint, tables
from infra.cli.terminal.columns import show_rows
from infra.cli.terminal.json_lines import print_document

if TYPE_CHECKING:
    from mediajobs.accounts.key_store import Key

keys = typer.Typer(help="Make, list, limit and revoke keys for the API.", no_args_is_help=True)

Account = Annotated[
    str,
    typer.Option(metavar="NAME", help="Whose jobs the key opens.", show_default=False, callback=id_arguments.account),
]
Limit = Annotated[int, typer.Option(min=1, metavar="N", help="Requests a minute.")]
NewLimit = Annotated[int, typer.Argument(min=1, metavar="N", help="Requests a minute.", show_default=False)]
KeyId = Annotated[
    str,
    typer.Argument(metavar="KEY_ID", help="As `keys list` shows it.", show_default=False, callback=id_arguments.key_id),
]


@keys.command("create")
def create_key(account: Account, limit: Limit = 100, endpoint: Endpoint = None) -> None:
    """Make a key and print it, alone on the last line: nobody can read it again.

    It goes to the running stack. Where KEYS_TABLE is set, to that table, with the AWS settings of the environment.
    """
    with _table(endpoint):
        from mediajobs.accounts.key_store import create

        key = create(account, requests_per_minute=limit)
    typer.echo(key)


@keys.command("list")
def list_keys(account: Account, as_json: AsJson = False, endpoint: Endpoint = None) -> None:
    """The keys of an account, the oldest first. The secrets are nowhere to be had."""
    with _table(endpoint):
        from mediajobs.accounts.key_store import of_account

        found = of_account(account)
    if as_json:
        for key in found:
            print_document(asdict(key))
        return
    if not found:
        console().print(Text(f"The account {account} has no keys."), soft_wrap=True)
    show_rows(console(), [_row(key) for key in found], gives={1: 12, 2: 8, 3: 12})


def _row(key: "Key") -> tuple[str | Text, ...]:
    state = Text(f"revoked {key.revoked_at}", "red") if key.revoked_at else Text("opens", "green")
    return key.key_id, f"since {key.created_at}", f"{key.requests_per_minute} a minute", state


@keys.command("revoke")
def revoke_key(key_id: KeyId, endpoint: Endpoint = None) -> None:
    """Make a key useless, at once and for good."""
    with _table(endpoint, key_id):
        from mediajobs.accounts.key_store import revoke

        revoke(key_id)
    console().print(Text(f"The key {key_id} is revoked."))


@keys.command("limit")
def limit_key(key_id: KeyId, requests: NewLimit, endpoint: Endpoint = None) -> None:
    """Set how many requests a key may make in a minute, from now on."""
    with _table(endpoint, key_id):
        from mediajobs.accounts.key_store import set_rate_limit

        set_rate_limit(key_id, requests)
    console().print(Text(f"The key {key_id} may make {requests} requests a minute."))


@contextmanager
def _table(endpoint: str | None, key_id: str = "") -> Iterator[None]:
    """The table of keys, for the store; its errors as the command line's."""
    with tables(endpoint, "KEYS_TABLE"):
        from mediajobs.errors import Conflict, NotFound

        try:
            yield
        except NotFound as error:
            hint = "`mediajobs keys list --account NAME` shows those of an account."
            raise CommandError(f"There is no key {key_id}.", hints=[hint]) from error
        except Conflict as error:
            hint = "`mediajobs keys create --account NAME --limit N` makes one."
            raise CommandError(str(error), hints=[hint]) from error
