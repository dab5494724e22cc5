"""Webhook endpoints, the events that they can receive, and the check of their URLs."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict

from mediajobs import public_urls
from mediajobs.public_addresses import is_private_literal
from mediajobs.timestamps import parse_rfc3339
from mediajobs.webhooks.payloads import CANCELLED, COMPLETED, FAILED, PROGRESS

EVENTS = (COMPLETED, FAILED, PROGRESS, CANCELLED)
DEFAULT_EVENTS = (COMPLETED, FAILED)
MAX_ENDPOINTS = 10  # of an account
MAX_URL_LENGTH = 2048


class Secret(BaseModel):
    """A signing secret, `whsec_…`. `expires_at` is None for the current one."""

    model_config = ConfigDict(frozen=True)

    secret: str
    expires_at: str | None = None


class Endpoint(BaseModel):
    """An address to which an account's events are sent. `secrets`: the newest first. `failing_since`: the first of the
    present series of failures; a success, or a long time without an attempt, ends a series. `failed_at`: the last.
    `verified_url`: the URL that last answered 2xx."""

    model_config = ConfigDict(frozen=True)

    account: str
    webhook_id: str
    url: str
    events: tuple[str, ...] = DEFAULT_EVENTS
    description: str | None = None
    enabled: bool = True
    disabled_reason: str | None = None
    secrets: tuple[Secret, ...] = ()
    created_at: str
    updated_at: str
    failing_since: str | None = None
    failed_at: str | None = None
    verified_url: str | None = None

    @property
    def verified(self) -> bool:
        """Whether its present URL has answered 2xx. One of somebody who asked for no webhooks hardly does."""
        return self.verified_url == self.url

    @property
    def host(self) -> str:
        """The host of its URL, in one form for all its spellings; empty where the URL has none."""
        try:
            return public_urls.parse(self.url, private_allowed=True).host
        except public_urls.InvalidUrl:
            return ""

    def signing_secrets(self, now: datetime) -> list[str]:
        """The secrets that sign now, the newest first."""
        valid = [
            secret for secret in self.secrets if secret.expires_at is None or parse_rfc3339(secret.expires_at) > now
        ]
        return [secret.secret for secret in valid]


def url_fault(url: str, *, private_allowed: bool) -> str | None:
    """Returns what is wrong with an endpoint's URL and how to correct it; None for a valid one.

    The addresses of its host are checked at each connection, not here.
    """
    if len(url) > MAX_URL_LENGTH or " " in url:
        return f"It has blanks in it, or more than {MAX_URL_LENGTH} characters. Give https://host/path."
    try:
        host = public_urls.parse(url, private_allowed=private_allowed).host
    except public_urls.InvalidUrl as error:
        reason = str(error)
        return f"{reason[0].upper()}{reason[1:]}. Give https://host/path, without user name or password."
    if not private_allowed and is_private_literal(host):
        return "It is no address of the public internet. Give a host that can be reached from everywhere."
    return None
