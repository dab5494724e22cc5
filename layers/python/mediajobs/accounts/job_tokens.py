"""Job tokens as text: `mjt1.<key id>.<job id>.<expiry>.<signature>`. A token opens one job, for a time.

The signature is HMAC-SHA256 under a secret of the deployment. The account is not in the token: it is that of the key
that made the token, whose row is checked with every request. `mjt1` is the version of the format.
"""

import base64
import hmac
import re
from dataclasses import dataclass

from mediajobs.ids import JOB_ID

MIN_SECONDS, MAX_SECONDS, DEFAULT_SECONDS = 60, 86_400, 3_600
_VERSION = "mjt1"
_TOKEN = re.compile(
    rf"{_VERSION}\.([0-9A-Za-z]{{12}})\.({JOB_ID.pattern})\.([1-9][0-9]{{9,10}})\.([0-9A-Za-z_-]{{43}})"
)
_PURPOSE = b"mediajobs job token\n"  # so that no other signature under the same secret passes for a token


class InvalidToken(ValueError):
    """The token is malformed or was changed, or this deployment did not make it."""


class ExpiredToken(InvalidToken):
    """The token was valid once."""


@dataclass(frozen=True)
class JobToken:
    """The key that made it, the job that it opens, and until when, in seconds since 1970."""

    key_id: str
    job_id: str
    expires: int


def sign(token: JobToken, secret: bytes) -> str:
    """Returns the token as text."""
    body = f"{_VERSION}.{token.key_id}.{token.job_id}.{token.expires}"
    return f"{body}.{_signature(body, secret)}"


def verify(text: str, secret: bytes, now: int) -> JobToken:
    """Returns the token. `now` is in seconds since 1970. Raises InvalidToken, ExpiredToken."""
    match = _TOKEN.fullmatch(text)
    if match is None:
        raise InvalidToken
    body, _, signature = text.rpartition(".")
    if not hmac.compare_digest(signature, _signature(body, secret)):
        raise InvalidToken
    token = JobToken(match[1], match[2], int(match[3]))
    if token.expires <= now:
        raise ExpiredToken
    return token


def key_id_of(text: str) -> str | None:
    """Returns the key id in a text that has the format of a token, signed or not; None for any other text."""
    match = _TOKEN.fullmatch(text)
    return match[1] if match else None


def _signature(body: str, secret: bytes) -> str:
    digest = hmac.digest(secret, _PURPOSE + body.encode(), "sha256")
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
