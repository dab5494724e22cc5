"""Checks the form of ids and names before a request: an empty or malformed id would address another path."""

import re
from collections.abc import Callable

import typer

from mediajobs.api.request_types import BATCH_ID
from mediajobs.ids import DELIVERY_ID, JOB_ID, WEBHOOK_ID

_KEY_ID = re.compile(r"[0-9A-Za-z]{12}")
_ACCOUNT = re.compile(r"[\w.:@+-]{1,64}")  # without #, which tables use in their own keys


def _must_match(pattern: re.Pattern[str], message: str) -> Callable[[str | None], str | None]:
    """A callback for typer that refuses other values with the message."""

    def check(value: str | None) -> str | None:
        if value is not None and pattern.fullmatch(value) is None:
            raise typer.BadParameter(message)
        return value

    return check


job_id = _must_match(JOB_ID, "a job's id is 26 digits and capital letters, as `mediajobs list` shows it")
batch_id = _must_match(re.compile(BATCH_ID), "a batch's id is 1 to 64 letters, digits, and . _ : -, and not dots alone")
webhook_id = _must_match(WEBHOOK_ID, "a webhook's id begins with wh_, as `mediajobs webhooks list` shows it")
delivery_id = _must_match(DELIVERY_ID, "a delivery's id begins with dl_, as `mediajobs webhooks deliveries` shows it")
key_id = _must_match(
    _KEY_ID, "a key's id is 12 letters and digits, as `mediajobs keys list` shows it: not the whole key"
)
account = _must_match(_ACCOUNT, "an account is 1 to 64 letters, digits, and . _ : @ + -")
