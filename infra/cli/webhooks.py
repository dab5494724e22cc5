"""`mediajobs webhooks`: be told when a job ends, see what was sent, and have it sent again."""

import time
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.cli import ids
from infra.cli.client import Client
from infra.cli.columns import show_rows
from infra.cli.connection import ApiKey, ApiUrl, AsJson, connect, console
from infra.cli.failures import CommandError, UsageError, counted, printable
from infra.cli.screens import print_document

webhooks = typer.Typer(
    help="Be told by HTTP when a job ends: endpoints, what was sent to them, sending it again.",
    no_args_is_help=True,
)
WebhookId = Annotated[
    str, typer.Argument(metavar="WEBHOOK_ID", help="As `webhooks list` shows it.", callback=ids.webhook_id)
]
DeliveryId = Annotated[
    str, typer.Argument(metavar="DELIVERY_ID", help="As `webhooks deliveries` shows it.", callback=ids.delivery_id)
]
Url = Annotated[str, typer.Argument(metavar="URL", help="Where to send: https://…", show_default=False)]
NewUrl = Annotated[str | None, typer.Option("--url", metavar="URL", help="Send there from now on.")]
Events = Annotated[
    list[str] | None,
    typer.Option("--event", metavar="EVENT", help="job.completed, job.failed, job.cancelled, job.progress; repeat it."),
]
Event = Annotated[str | None, typer.Option("--event", metavar="EVENT", help="Of this event.")]
Description = Annotated[str | None, typer.Option("--description", metavar="TEXT", help="To tell one from the other.")]
Enabled = Annotated[bool | None, typer.Option("--enable/--disable", help="Enabling forgets earlier failures.")]
Status = Annotated[str | None, typer.Option("--status", metavar="STATUS", help="pending, delivered or failed.")]
OfJob = Annotated[str | None, typer.Option("--job", metavar="JOB_ID", help="About this job.", callback=ids.job_id)]
Limit = Annotated[int, typer.Option(metavar="N", min=1, max=500, help="At most so many.")]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Failed then or later, e.g. 2026-03-01T12:00:00Z.")]

PACE, PATIENCE = 0.3, 20.0  # seconds; an attempt takes 15 at most
COLOURS = {"delivered": "green", "failed": "red", "pending": "yellow"}


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
    wish = _given(url=url, events=event, description=description)
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
    _show(connect(api_url, api_key).send("GET", _path(webhook_id)).json(), as_json=as_json)


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
    wish = _given(url=url, events=event, description=description, enabled=enabled)
    if not wish:
        raise UsageError(
            "Nothing is to be changed.", hints=["Name --url, --event, --description, --enable, --disable."]
        )
    _show(connect(api_url, api_key).send("PATCH", _path(webhook_id), json=wish).json(), as_json=as_json)


@webhooks.command("remove")
def remove(webhook_id: WebhookId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Remove an endpoint. What is on its way to it is not sent any more."""
    removed = connect(api_url, api_key).send("DELETE", _path(webhook_id)).json()
    _tell(removed, f"The webhook {webhook_id} is removed.", as_json=as_json)


@webhooks.command("rotate")
def rotate(webhook_id: WebhookId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Get a new secret, alone on the last line. The old one signs beside it for 24 hours."""
    _show_secret(connect(api_url, api_key).post(_path(webhook_id, "/rotate-secret"), {}), as_json=as_json)


@webhooks.command("test")
def try_out(webhook_id: WebhookId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Send an event `webhook.test` and wait for what comes of it."""
    client = connect(api_url, api_key)
    made = client.post(_path(webhook_id, "/test"), {})
    _outcome(client, made, as_json=as_json)


@webhooks.command("deliveries")
def deliveries(
    webhook_id: WebhookId,
    status: Status = None,
    event: Event = None,
    job: OfJob = None,
    limit: Limit = 20,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """List what was sent to an endpoint, the latest first."""
    query = urlencode(_given(status=status, event=event, job_id=job, per_page=limit))
    found = connect(api_url, api_key).send("GET", f"{_path(webhook_id, '/deliveries')}?{query}").json()
    if as_json:
        print_document(found)
        return
    if not found["deliveries"]:
        console().print(Text("There are none."))
    show_rows(console(), [_row(each) for each in found["deliveries"]], gives={5: 12})


@webhooks.command("delivery")
def delivery(
    webhook_id: WebhookId,
    delivery_id: DeliveryId,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Tell every attempt of a delivery, and what is sent."""
    found = connect(api_url, api_key).send("GET", _delivery_path(webhook_id, delivery_id)).json()
    if as_json:
        print_document(found)
    else:
        _show_delivery(found, console())


@webhooks.command("redeliver")
def redeliver(
    webhook_id: WebhookId,
    delivery_id: DeliveryId,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Send a delivery again at once, under the same webhook-id, and wait for what comes of it."""
    client = connect(api_url, api_key)
    made = client.post(f"{_delivery_path(webhook_id, delivery_id)}/redeliver", {})
    _outcome(client, made, as_json=as_json)


@webhooks.command("recover")
def recover(
    webhook_id: WebhookId, since: Since, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None
) -> None:
    """Send again all that has failed since a moment."""
    done = connect(api_url, api_key).post(_path(webhook_id, "/recover"), {"since": since})
    more = " There are more: they follow by themselves." if done.get("continues") else ""
    _tell(
        done, f"{counted(done.get('recovered', 0), 'delivery', 'deliveries')} to be sent again.{more}", as_json=as_json
    )


def _outcome(client: Client, made: dict[str, Any], *, as_json: bool) -> None:
    """Waits for the next attempt, and shows it. Raises CommandError where it was not taken."""
    where = _delivery_path(made["webhook_id"], made["delivery_id"])
    deadline, found = time.monotonic() + PATIENCE, made
    while found["attempt_count"] == made["attempt_count"] and found["status"] == "pending":
        if time.monotonic() > deadline:
            break
        time.sleep(PACE)
        found = client.send("GET", where).json()
    if as_json:
        print_document(found)
    else:
        _show_delivery(found, console())
    if found["status"] != "delivered":
        raise CommandError("It was not delivered yet." if found["status"] == "pending" else "It was not delivered.")


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


def _show_delivery(found: dict[str, Any], out: Console) -> None:
    about = " ".join(filter(None, (found["event"], found["job_id"])))
    head = Text(f"{about}, {found['reason'] or found['status']}", COLOURS.get(found["status"], ""))
    out.print(head, Text(f"webhook-id {found['message_id']}", "dim"), soft_wrap=True)
    table = Table.grid(padding=(0, 2))
    for each in found["attempts"]:
        words = each["detail"] or each["response"] or ""
        milliseconds = "" if each["latency_ms"] is None else f"{each['latency_ms']} ms"
        table.add_row(each["time"], _answer(each), milliseconds, Text(printable(words)[:200]))
    out.print(table)
    if found["next_attempt_at"]:
        out.print(Text(f"the next attempt is due at {found['next_attempt_at']}", "dim"))
    out.print(Text(printable(found["body"])), soft_wrap=True)


def _tell(answer: dict[str, Any], words: str, *, as_json: bool) -> None:
    if as_json:
        print_document(answer)
    else:
        console().print(Text(words), soft_wrap=True)


def _state(webhook: dict[str, Any]) -> Text:
    if not webhook["enabled"]:
        return Text("disabled", "red")
    return Text("failing", "yellow") if webhook["failing_since"] else Text("enabled", "green")


def _row(found: dict[str, Any]) -> tuple[str | Text, ...]:
    state = Text(found["status"], COLOURS.get(found["status"], ""))
    when, about = found["created_at"][:19], found["job_id"] or ""
    return found["delivery_id"], when, state, found["event"], about, _last(found)


def _last(found: dict[str, Any]) -> str:
    last = found["last_attempt"]
    if not last:
        return "not tried yet"
    return f"{counted(found['attempt_count'], 'attempt')}, the last: {_answer(last)}"


def _answer(attempt: dict[str, Any]) -> str:
    return str(attempt["status"] or attempt["error"])


def _given(**wishes: Any) -> dict[str, Any]:
    return {name: value for name, value in wishes.items() if value is not None}


def _path(webhook_id: str, rest: str = "") -> str:
    return f"/webhooks/{quote(webhook_id, safe='')}{rest}"


def _delivery_path(webhook_id: str, delivery_id: str) -> str:
    return _path(webhook_id, f"/deliveries/{quote(delivery_id, safe='')}")
