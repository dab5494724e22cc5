"""`mediajobs webhooks test`, `deliveries`, `delivery`, `redeliver`, `recover`: what was sent to an endpoint."""

import time
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.cli import id_arguments
from infra.cli.api.client import Client
from infra.cli.commands.webhooks import WebhookId, given, say, webhook_path
from infra.cli.errors import CommandError, counted, printable
from infra.cli.options import ApiKey, ApiUrl, AsJson, connect, console
from infra.cli.terminal.columns import show_rows
from infra.cli.terminal.json_lines import print_document

DeliveryId = Annotated[
    str,
    typer.Argument(metavar="DELIVERY_ID", help="As `webhooks deliveries` shows it.", callback=id_arguments.delivery_id),
]
Event = Annotated[str | None, typer.Option("--event", metavar="EVENT", help="Of this event.")]
Status = Annotated[str | None, typer.Option("--status", metavar="STATUS", help="pending, delivered or failed.")]
OfJob = Annotated[
    str | None, typer.Option("--job", metavar="JOB_ID", help="About this job.", callback=id_arguments.job_id)
]
Limit = Annotated[int, typer.Option(metavar="N", min=1, max=500, help="At most so many.")]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Failed then or later, e.g. 2026-03-01T12:00:00Z.")]

PACE, PATIENCE = 0.3, 20.0  # seconds; an attempt takes 15 at most
COLOURS = {"delivered": "green", "failed": "red", "pending": "yellow"}


def register(webhooks: typer.Typer) -> None:
    """Adds these commands to `mediajobs webhooks`."""
    webhooks.command("test")(try_out)
    webhooks.command("deliveries")(deliveries)
    webhooks.command("delivery")(delivery)
    webhooks.command("redeliver")(redeliver)
    webhooks.command("recover")(recover)


def try_out(webhook_id: WebhookId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Send an event `webhook.test` and wait for what comes of it."""
    client = connect(api_url, api_key)
    made = client.post(webhook_path(webhook_id, "/test"), {})
    _outcome(client, made, as_json=as_json)


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
    query = urlencode(given(status=status, event=event, job_id=job, per_page=limit))
    found = connect(api_url, api_key).send("GET", f"{webhook_path(webhook_id, '/deliveries')}?{query}").json()
    if as_json:
        print_document(found)
        return
    if not found["deliveries"]:
        console().print(Text("There are none."))
    show_rows(console(), [_row(each) for each in found["deliveries"]], gives={5: 12})


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


def recover(
    webhook_id: WebhookId, since: Since, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None
) -> None:
    """Send again all that has failed since a moment."""
    done = connect(api_url, api_key).post(webhook_path(webhook_id, "/recover"), {"since": since})
    more = " There are more: they follow by themselves." if done.get("continues") else ""
    say(done, f"{counted(done.get('recovered', 0), 'delivery', 'deliveries')} to be sent again.{more}", as_json=as_json)


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


def _delivery_path(webhook_id: str, delivery_id: str) -> str:
    return webhook_path(webhook_id, f"/deliveries/{quote(delivery_id, safe='')}")
