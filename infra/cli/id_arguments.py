"""What a caller names, checked by its form before anything is asked: an empty or odd id would be another path."""

import re
from collections.abc import Callable

import typer

from mediajobs.api.request_types import BATCH_ID
from mediajobs.ids import DELIVERY_ID, JOB_ID, WEBHOOK_ID

_KEY_ID = re.compile(r"[0-9A-Za-z]{12}")
_ACCOUNT = re.compile(r"[\w.:@+-]{1,64}")  # tables have it in their keys, and keep names with # for themselves


def _of_form(form: re.Pattern[str], words: str) -> Callable[[str | None], str | None]:
    def check(value: str | None) -> str | None:
        if value is not None and form.fullmatch(value) is None:
            raise typer.BadParameter(words)
        return value

    return check


job_id = _of_form(JOB_ID, "a job's id is 26 digits and capital letters, as `mediajobs list` shows it")
batch_id = _of_form(re.compile(BATCH_ID), "a batch's id is 1 to 64 letters, digits, and . _ : -, and not dots alone")
webhook_id = _of_form(WEBHOOK_ID, "a webhook's id begins with wh_, as `mediajobs webhooks list` shows it")
delivery_id = _of_form(DELIVERY_ID, "a delivery's id begins with dl_, as `mediajobs webhooks deliveries` shows it")
key_id = _of_form(_KEY_ID, "a key's id is 12 letters and digits, as `mediajobs keys list` shows it: not the whole key")
account = _of_form(_ACCOUNT, "an account is 1 to 64 letters, digits, and . _ : @ + -")
