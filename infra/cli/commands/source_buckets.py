"""`mediajobs source-buckets`: the S3 buckets and prefixes that an account may name in `source_url`."""

from typing import Annotated

import typer

from infra.cli import id_arguments
from infra.cli.output import console
from infra.cli.shared_options import AsJson
from infra.cli.table_access import Endpoint, table_settings
from infra.cli.terminal.json_lines import print_document

Account = Annotated[
    str,
    typer.Option(metavar="NAME", help="The account's name.", show_default=False, callback=id_arguments.account),
]
Allow = Annotated[list[str] | None, typer.Option(metavar="BUCKET[/PREFIX]", help="Add one; may be repeated.")]
Forbid = Annotated[list[str] | None, typer.Option(metavar="BUCKET[/PREFIX]", help="Remove one; may be repeated.")]


def source_buckets(
    account: Account,
    allow: Allow = None,
    forbid: Forbid = None,
    as_json: AsJson = False,
    endpoint: Endpoint = None,
) -> None:
    """Add and remove buckets that an account may name as s3://BUCKET/KEY, then list them. At first there are none.

    They must also be in the deployment's parameter SourceBuckets. Uses the running stack, or the table that
    COUNTERS_TABLE names.
    """
    entries = sorted(_changed(account, allow or [], forbid or [], endpoint))
    if as_json:
        print_document({"account": account, "source_buckets": entries})
        return
    for entry in entries:
        console().print(entry, markup=False, highlight=False)


def _changed(account: str, allow: list[str], forbid: list[str], endpoint: str | None) -> frozenset[str]:
    """The entries after the change. Errors of AWS, and entries that are none, become errors of the command."""
    with table_settings(endpoint, "COUNTERS_TABLE"):
        from mediajobs.accounts import source_bucket_store
        from mediajobs.accounts.source_buckets import InvalidLocation
        from mediajobs.errors import Conflict

        try:
            source_bucket_store.change(account, allow=allow, forbid=forbid)
        except (InvalidLocation, Conflict) as error:
            raise typer.BadParameter(str(error)) from error
        return source_bucket_store.read(account)
