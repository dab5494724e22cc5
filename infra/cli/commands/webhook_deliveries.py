"""`mediajobs webhooks test`, `deliveries`, `delivery`, `redeliver` and `recover`: what is sent to an endpoint."""

import time
from typing import Annotated, Any
from urllib.parse import quote, urlencode

import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from infra.cli import id_arguments
from infra.cli.api.client import Client
from infra.cli.command_errors import CommandError
from infra.cli.commands.webhooks import WebhookId, webhook_path
from infra.cli.output import console, print_result
from infra.cli.shared_options import ApiKey, ApiUrl, AsJson, connect, without_unset
from infra.cli.terminal.columns import print_rows
from infra.cli.terminal.json_lines import print_document
from infra.cli.text_format import pluralize, printable

DeliveryId = Annotated[
    str,
    typer.Argument(metavar="DELIVERY_ID", help="As `webhooks deliveries` shows it.", callback=id_arguments.delivery_id),
]
Event = Annotated[str | None, typer.Option("--event", metavar="EVENT", help="Of this event.")]
Status = Annotated[
    str | None, typer.Option("--status", metavar="STATUS", help="With this status: pending, delivered or failed.")
]
OfJob = Annotated[
    str | None, typer.Option("--job", metavar="JOB_ID", help="About this job.", callback=id_arguments.job_id)
]
Limit = Annotated[int, typer.Option(metavar="N", min=1, max=500, help="The maximum number of deliveries.")]
Since = Annotated[str, typer.Option("--since", metavar="TIME", help="Failed at or after, e.g. 2026-03-01T12:00:00Z.")]

POLL_SECONDS = 0.3
ATTEMPT_TIMEOUT_SECONDS = 20.0  # an attempt takes at most 15
MAX_DETAIL_CHARACTERS = 200
STATUS_COLOURS = {"delivered": "green", "failed": "red", "pending": "yellow"}


def register(webhooks: typer.Typer) -> None:
    """Adds these commands to `mediajobs webhooks`."""
    webhooks.command("test")(send_test)
    webhooks.command("deliveries")(deliveries)
    webhooks.command("delivery")(delivery)
    webhooks.command("redeliver")(redeliver)
    webhooks.command("recover")(recover)


def send_test(webhook_id: WebhookId, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None) -> None:
    """Send an event `webhook.test` and show the result of the delivery."""
    client = connect(api_url, api_key)
    created = client.post(webhook_path(webhook_id, "/test"), {})
    _show_next_attempt(client, created, as_json=as_json)


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
    """List the deliveries to an endpoint, the latest first."""
    query = urlencode(without_unset(status=status, event=event, job_id=job, per_page=limit))
    page = connect(api_url, api_key).send("GET", f"{webhook_path(webhook_id, '/deliveries')}?{query}").json()
    if as_json:
        print_document(page)
        return
    if not page["deliveries"]:
        console().print(Text("There are none."))
    print_rows(console(), [_row(each) for each in page["deliveries"]], min_widths={5: 12})


def delivery(
    webhook_id: WebhookId,
    delivery_id: DeliveryId,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Show every attempt of a delivery, and its body."""
    document = connect(api_url, api_key).send("GET", _delivery_path(webhook_id, delivery_id)).json()
    _print_delivery(document, as_json=as_json)


def redeliver(
    webhook_id: WebhookId,
    delivery_id: DeliveryId,
    as_json: AsJson = False,
    api_url: ApiUrl = None,
    api_key: ApiKey = None,
) -> None:
    """Send a delivery again at once, with the same webhook-id, and show the result."""
    client = connect(api_url, api_key)
    queued = client.post(f"{_delivery_path(webhook_id, delivery_id)}/redeliver", {})
    _show_next_attempt(client, queued, as_json=as_json)


def recover(
    webhook_id: WebhookId, since: Since, as_json: AsJson = False, api_url: ApiUrl = None, api_key: ApiKey = None
) -> None:
    """Send all deliveries again that have failed since a time."""
    document = connect(api_url, api_key).post(webhook_path(webhook_id, "/recover"), {"since": since})
    more = " There are more: they follow by themselves." if document.get("continues") else ""
    count = pluralize(document.get("recovered", 0), "delivery", "deliveries")
    print_result(document, f"{count} to be sent again.{more}", as_json=as_json)


def _show_next_attempt(client: Client, before: dict[str, Any], *, as_json: bool) -> None:
    """Waits for the next attempt and shows it. Raises CommandError unless it was delivered."""
    path = _delivery_path(before["webhook_id"], before["delivery_id"])
    deadline, current = time.monotonic() + ATTEMPT_TIMEOUT_SECONDS, before
    while current["attempt_count"] == before["attempt_count"] and current["status"] == "pending":
        if time.monotonic() > deadline:
            break
        time.sleep(POLL_SECONDS)
        current = client.send("GET", path).json()
    _print_delivery(current, as_json=as_json)
    if current["status"] != "delivered":
        raise CommandError("It was not delivered yet." if current["status"] == "pending" else "It was not delivered.")


def _print_delivery(document: dict[str, Any], *, as_json: bool) -> None:
    if as_json:
        print_document(document)
    else:
        _print_delivery_text(document, console())


def _print_delivery_text(document: dict[str, Any], out: Console) -> None:
    subject = " ".join(filter(None, (document["event"], document["job_id"])))
    colour = STATUS_COLOURS.get(document["status"], "")
    title = Text(f"{subject}, {document['reason'] or document['status']}", colour)
    out.print(title, Text(f"webhook-id {document['message_id']}", "dim"), soft_wrap=True)
    table = Table.grid(padding=(0, 2))
    for attempt in document["attempts"]:
        table.add_row(*_attempt_row(attempt))
    out.print(table)
    if document["next_attempt_at"]:
        out.print(Text(f"the next attempt is due at {document['next_attempt_at']}", "dim"))
    out.print(Text(printable(document["body"])), soft_wrap=True)


def _attempt_row(attempt: dict[str, Any]) -> tuple[str | Text, ...]:
    detail = printable(attempt["detail"] or attempt["response"] or "")[:MAX_DETAIL_CHARACTERS]
    latency = "" if attempt["latency_ms"] is None else f"{attempt['latency_ms']} ms"
    return attempt["time"], _attempt_result(attempt), latency, Text(detail)


def _row(document: dict[str, Any]) -> tuple[str | Text, ...]:
    state = Text(document["status"], STATUS_COLOURS.get(document["status"], ""))
    created_at, job_id = document["created_at"][:19], document["job_id"] or ""
    return document["delivery_id"], created_at, state, document["event"], job_id, _describe_attempts(document)


def _describe_attempts(document: dict[str, Any]) -> str:
    last = document["last_attempt"]
    if not last:
        return "not tried yet"
    return f"{pluralize(document['attempt_count'], 'attempt')}, the last: {_attempt_result(last)}"


def _attempt_result(attempt: dict[str, Any]) -> str:
    return str(attempt["status"] or attempt["error"])


def _delivery_path(webhook_id: str, delivery_id: str) -> str:
    return webhook_path(webhook_id, f"/deliveries/{quote(delivery_id, safe='')}")
