"""Receivers verify what we send with Standard Webhooks' own library, and with the paper's header."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook, WebhookVerificationError

from mediajobs.webhooks.payloads import serialise
from mediajobs.webhooks.signatures import assemble_secret, headers

SECRET, OLD, OTHER = (assemble_secret(bytes([number]) * 32) for number in (1, 2, 3))
BODY = serialise({"event": "job.completed", "data": {"filename": "Füße.mp4"}, "job_id": "J"})


def signed(*secrets: str, sent: datetime | None = None, body: str = BODY) -> dict[str, str]:
    return headers("msg_1", sent or datetime.now(UTC), body, secrets)


def test_the_library_verifies_what_we_send() -> None:
    assert Webhook(SECRET).verify(BODY, signed(SECRET)) == json.loads(BODY)


def test_a_changed_byte_is_refused() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY.replace("J", "K"), signed(SECRET))


@pytest.mark.parametrize("name", ["webhook-id", "webhook-timestamp"])
def test_a_changed_header_is_refused(name: str) -> None:
    right = signed(SECRET)
    wrong = {"webhook-id": "msg_2", "webhook-timestamp": str(int(right["webhook-timestamp"]) - 1)}
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY, right | {name: wrong[name]})


@pytest.mark.parametrize("minutes", [-6, 6])
def test_an_old_timestamp_and_one_of_the_future_are_refused(minutes: int) -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(BODY, signed(SECRET, sent=datetime.now(UTC) + timedelta(minutes=minutes)))


def test_a_wrong_secret_is_refused() -> None:
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY, signed(SECRET))


def test_during_a_rotation_both_secrets_verify() -> None:
    both = signed(SECRET, OLD)
    assert Webhook(SECRET).verify(BODY, both) == Webhook(OLD).verify(BODY, both) == json.loads(BODY)
    with pytest.raises(WebhookVerificationError):
        Webhook(OTHER).verify(BODY, both)


def test_the_papers_signature_is_of_the_newest_secret_as_its_owner_has_it() -> None:
    expected = hmac.new(SECRET.encode(), BODY.encode(), hashlib.sha256).hexdigest()
    assert signed(SECRET, OLD)["X-Webhook-Signature"] == expected


@given(st.dictionaries(st.text(), st.text() | st.integers() | st.none(), max_size=4))
def test_the_papers_receiver_may_serialise_the_payload_anew(payload: dict[str, str | int | None]) -> None:
    body = serialise(payload)
    message = json.dumps(json.loads(body), sort_keys=True).encode()
    expected = hmac.new(SECRET.encode(), message, hashlib.sha256).hexdigest()
    assert signed(SECRET, body=body)["X-Webhook-Signature"] == expected


def test_a_secret_has_the_standards_form() -> None:
    assert SECRET.startswith("whsec_")
    assert len(base64.b64decode(SECRET.removeprefix("whsec_"), validate=True)) == 32


def test_the_sender_names_itself_and_what_it_sends() -> None:
    assert signed(SECRET)["User-Agent"].startswith("mediajobs/")
    assert signed(SECRET)["Content-Type"] == "application/json"
