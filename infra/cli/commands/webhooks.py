"""`mediajobs webhooks`: endpoints that get an HTTP request when a job ends."""

from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.text import Text

from infra.cli import id_arguments
from infra.cli.command_errors import UsageError
from infra.cli.output import console, print_result
from infra.cli.shared_options import ApiKey, ApiUrl, AsJson, connect, without_unset
from infra.cli.terminal.columns import print_rows
from infra.cli.terminal.json_lines import print_document
from infra.cli.text_format import printable

webhooks = typer.Typer(
    help="Manage the endpoints that get an HTTP request when a job ends, and the deliveries to them.",
    no_args_is_help=True,
)
WebhookId = Annotated[
    str, typer.Argument(metavar="WEBHOOK_ID", help="As `webhooks list` shows it.", callback=id_arguments.webhook_id)
]
Url = Annotated[str, typer.Argument(metavar="URL", help="Where to send: https://…", show_default=False)]
NewUrl = Annotated[str | None, typer.Option("--url", metavar="URL", help="Where to send from now on.")]
Events = Annotated[
    list[str] | None,
    typer.Option(
        "--event",
        metavar="EVENT",
        help="job.completed, job.failed, job.cancelled or job.progress; may be repeated. job.progress is sent once the "
        "endpoint has answered 2xx to a test or another event.",
    ),
]
Description = Annotated[
    str | None, typer.Option("--description", metavar="TEXT", help="A text to recognize the endpoint by.")
]
Enabled = Annotated[
    bool | None, typer.Option("--enable/--disable", help="Enabling also clears the record of earlier failures.")
]


@webhooks.command("add")
def add(
    url: Url,
    event: Events = None,
    description: Description = None,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Add an endpoint. Its secret, which signs every request, is printed alone on the last line, only this time."""
    request = without_unset(url=url, events=event, description=description)
    _print_with_secret(connect(api_url, api_key).post("/webhooks", request), as_json=as_json)


@webhooks.command("list")
def list_webhooks(as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """List the endpoints, the oldest first."""
    document: dict[str, Any] = connect(api_url, api_key).send("GET", "/webhooks").json()
    if as_json:
        print_document(document)
        return
    if not document["webhooks"]:
        console().print(Text("There are none. `mediajobs webhooks add URL` adds one."), soft_wrap=True)
    print_rows(console(), [_row(webhook) for webhook in document["webhooks"]], min_widths={2: 12, 3: 13})


@webhooks.command("show")
def show(webhook_id: WebhookId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Show everything about an endpoint except its secret."""
    _print_webhook(connect(api_url, api_key).send("GET", webhook_path(webhook_id)).json(), as_json=as_json)


@webhooks.command("update")
def update(
    webhook_id: WebhookId,
    url: NewUrl = None,
    event: Events = None,
    description: Description = None,
    enabled: Enabled = None,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Change the given properties of an endpoint."""
    changes = without_unset(url=url, events=event, description=description, enabled=enabled)
    if not changes:
        raise UsageError(
            "Nothing is to be changed.", hints=["Name --url, --event, --description, --enable, --disable."]
        )
    changed = connect(api_url, api_key).send("PATCH", webhook_path(webhook_id), json=changes).json()
    _print_webhook(changed, as_json=as_json)


@webhooks.command("remove")
def remove(webhook_id: WebhookId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Remove an endpoint. Pending deliveries to it are not sent any more."""
    removed = connect(api_url, api_key).send("DELETE", webhook_path(webhook_id)).json()
    print_result(removed, f"The webhook {webhook_id} is removed.", as_json=as_json)


@webhooks.command("rotate")
def rotate(webhook_id: WebhookId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Create a new secret, printed alone on the last line. The old one also signs for 24 hours."""
    rotated = connect(api_url, api_key).post(webhook_path(webhook_id, "/rotate-secret"), {})
    _print_with_secret(rotated, as_json=as_json)


def webhook_path(webhook_id: str, suffix: str = "") -> str:
    return f"/webhooks/{quote(webhook_id, safe='')}{suffix}"


def _print_webhook(webhook: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_document(webhook)
        return
    rows: list[tuple[str, str | Text]] = [("webhook", webhook["webhook_id"]), ("state", _state(webhook))]
    names = ("url", "description", "disabled_reason", "failing_since", "previous_secret_expires_at", "created_at")
    rows += [(name.replace("_", " "), printable(webhook[name])) for name in names if webhook[name] is not None]
    rows.append(("events", " ".join(webhook["events"])))
    print_rows(console(), rows, min_widths={1: len(webhook["webhook_id"])})


def _print_with_secret(webhook: dict[str, Any], *, as_json: bool) -> None:
    _print_webhook(webhook, as_json=as_json)
    if not as_json:
        typer.echo(webhook["secret"])


def _row(webhook: dict[str, Any]) -> tuple[str | Text, ...]:
    return webhook["webhook_id"], _state(webhook), printable(webhook["url"]), " ".join(webhook["events"])


def _state(webhook: dict[str, Any]) -> Text:
    if not webhook["enabled"]:
        return Text("disabled", "red")
    return Text("failing", "yellow") if webhook["failing_since"] else Text("enabled", "green")
