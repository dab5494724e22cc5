"""Webhook endpoints, and what they are sent."""

from datetime import datetime
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict

from mediajobs.public_addresses import is_private_literal
from mediajobs.timestamps import parse
from mediajobs.webhooks.payloads import CANCELLED, COMPLETED, FAILED, PROGRESS

EVENTS = (COMPLETED, FAILED, PROGRESS, CANCELLED)
DEFAULT_EVENTS = (COMPLETED, FAILED)
MAX_ENDPOINTS = 10  # of an account
MAX_URL_LENGTH = 2048


class Secret(BaseModel):
    """`whsec_…`. `expires_at` is None for the one that stays."""

    model_config = ConfigDict(frozen=True)

    secret: str
    expires_at: str | None = None


class Endpoint(BaseModel):
    """Where an account wants to be told what. `secrets`: the newest first. `failing_since`: the first failure since the
    last success, of those that are not too far apart."""

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

    def signing_secrets(self, now: datetime) -> list[str]:
        """The secrets that sign now, the newest first."""
        return [each.secret for each in self.secrets if each.expires_at is None or parse(each.expires_at) > now]


def url_fault(url: str, *, private_allowed: bool) -> str | None:
    """What is wrong with an endpoint's URL, and the cure; None for a good one.

    Where its name leads is looked at when it is connected to, each time.
    """
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        return "It is malformed. Give https://host/path."
    if len(url) > MAX_URL_LENGTH or any(character.isspace() or not character.isprintable() for character in url):
        return f"It has blanks in it, or more than {MAX_URL_LENGTH} characters. Give https://host/path."
    if parts.scheme != "https" and not (parts.scheme == "http" and private_allowed):
        return "Webhooks are sent over https alone. Give https://host/path."
    if not host:
        return "It names no host. Give https://host/path."
    if parts.username is not None or parts.password is not None:
        return "It carries a user name or password. Leave them out: the signature tells you who is calling."
    if not private_allowed and is_private_literal(host):
        return "It is no address of the public internet. Give a host that can be reached from everywhere."
    return None
