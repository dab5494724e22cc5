"""Signs webhooks: by the Standard Webhooks specification, and by the header `X-Webhook-Signature`."""

import base64
import hmac
from collections.abc import Sequence
from datetime import datetime

from standardwebhooks import Webhook

from mediajobs import __version__

SECRET_BYTES = 32
_PREFIX = "whsec_"


def assemble_secret(random: bytes) -> str:
    """Returns a secret as its owner sees it, from 24 to 64 random bytes."""
    return _PREFIX + base64.b64encode(random).decode()


def headers(message_id: str, sent: datetime, body: str, secrets: Sequence[str]) -> dict[str, str]:
    """Returns all headers of a request. `secrets`: those that sign, the newest first.

    `X-Webhook-Signature` is the hex HMAC-SHA256 of the body by the newest secret alone.
    """
    return {
        "Content-Type": "application/json",
        "User-Agent": f"mediajobs/{__version__}",
        "webhook-id": message_id,
        "webhook-timestamp": str(int(sent.timestamp())),
        "webhook-signature": " ".join(Webhook(secret).sign(message_id, sent, body) for secret in secrets),
        "X-Webhook-Signature": hmac.digest(secrets[0].encode(), body.encode(), "sha256").hex(),
    }
