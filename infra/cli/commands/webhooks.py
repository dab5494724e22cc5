"""`mediajobs webhooks`: be told when a job ends, see what was sent, and have it sent again."""

from typing import Annotated, Any
from urllib.parse import quote

import typer
from rich.text import Text

from infra.cli import id_arguments
from infra.cli.errors import UsageError, printable
from infra.cli.options import ApiKey, ApiUrl, AsJson, connect, console
from infra.cli.terminal.columns import show_rows
from infra.cli.terminal.json_lines import print_document

webhooks = typer.Typer(
    help="Be told by HTTP when a job ends: endpoints, what was sent to them, sending it again.",
    no_args_is_help=True,
)
WebhookId = Annotated[
    str, typer.Argument(metavar="WEBHOOK_ID", help="As `webhooks list` shows it.", callback=id_arguments.webhook_id)
]
Url = Annotated[str, typer.Argument(metavar="URL", help="Where to send: https://…", show_default=False)]
NewUrl = Annotated[str | None, typer.Option("--url", metavar="URL", help="Send there from now on.")]
Events = Annotated[
    list[str] | None,
    typer.Option("--event", metavar="EVENT", help="job.completed, job.failed, job.cancelled, job.progress; repeat it."),
]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="To tell one from the other.")]
Enabled = Annotated[bool | None, typer.Option("--enable/--disable", help="Enabling forgets earlier failures.")]


@webhooks.command("add")
def add(
    url: Url,
    event: Events = None,
    description: Description = None,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Add an endpoint. Its secret, which proves that we are calling, is printed alone on the last line, and never
    again."""
    wish = given(url=url, events=event, description=description)
    _show_secret(connect(api_url, api_key).post("/webhooks", wish), as_json=as_json)


@webhooks.command("list")
def list_webhooks(as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """List the endpoints, the oldest first."""
    found: dict[str, Any] = connect(api_url, api_key).send("GET", "/webhooks").json()
    if as_json:
        print_document(found)
        return
    if not found["webhooks"]:
        console().print(Text("There are none. `mediajobs webhooks add URL` adds one."), soft_wrap=True)
    rows = [
        (each["webhook_id"], _state(each), printable(each["url"]), " ".join(each["events"]))
        for each in found["webhooks"]
    ]
    show_rows(console(), rows, gives={2: 12, 3: 13})


@webhooks.command("show")
def show(webhook_id: WebhookId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Tell everything about an endpoint but its secret."""
    _show(connect(api_url, api_key).send("GET", webhook_path(webhook_id)).json(), as_json=as_json)


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
    """Change an endpoint; what is not named stays."""
    wish = given(url=url, events=event, description=description, enabled=enabled)
    if not wish:
        raise UsageError(
            "Nothing is to be changed.", hints=["Name --url, --event, --description, --enable, --disable."]
        )
    _show(connect(api_url, api_key).send("PATCH", webhook_path(webhook_id), json=wish).json(), as_json=as_json)


@webhooks.command("remove")
def remove(webhook_id: WebhookId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Remove an endpoint. What is on its way to it is not sent any more."""
    removed = connect(api_url, api_key).send("DELETE", webhook_path(webhook_id)).json()
    say(removed, f"The webhook {webhook_id} is removed.", as_json=as_json)


@webhooks.command("rotate")
def rotate(webhook_id: WebhookId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Get a new secret, alone on the last line. The old one signs beside it for 24 hours."""
    _show_secret(connect(api_url, api_key).post(webhook_path(webhook_id, "/rotate-secret"), {}), as_json=as_json)


def _show(webhook: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_document(webhook)
        return
    rows: list[tuple[str, str | Text]] = [("webhook", webhook["webhook_id"]), ("state", _state(webhook))]
    names = ("url", "description", "disabled_reason", "failing_since", "previous_secret_expires_at", "created_at")
    rows += [(name.replace("_", " "), printable(webhook[name])) for name in names if webhook[name] is not None]
    rows.append(("events", " ".join(webhook["events"])))
    show_rows(console(), rows, gives={1: len(webhook["webhook_id"])})


def _show_secret(webhook: dict[str, Any], *, as_json: bool) -> None:
    _show(webhook, as_json=as_json)
    if not as_json:
        typer.echo(webhook["secret"])


def say(answer: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        print_document(answer)
    else:
        console().print(Text(words), soft_wrap=True)


def _state(webhook: dict[str, Any]) -> Text:
    if not webhook["enabled"]:
        return Text("disabled", "red")
    return Text("failing", "yellow") if webhook["failing_since"] else Text("enabled", "green")


def given(**wishes: Any) -> dict[str, Any]:
    return {name: value for name, value in wishes.items() if value is not None}


def webhook_path(webhook_id: str, rest: str = "") -> str:
    return f"/webhooks/{quote(webhook_id, safe='')}{rest}"
