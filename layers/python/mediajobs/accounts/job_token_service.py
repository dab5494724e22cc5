"""Makes and checks job tokens with this deployment's secret."""

from dataclasses import dataclass

from mediajobs import clock
from mediajobs.accounts import job_tokens
from mediajobs.accounts.job_tokens import JobToken
from mediajobs.aws import secret_values
from mediajobs.settings import setting
from mediajobs.timestamps import from_milliseconds


@dataclass(frozen=True)
class IssuedToken:
    """A token as text, and when it expires, as RFC 3339."""

    token: str
    expires_at: str


def issue(key_id: str, job_id: str, seconds: int) -> IssuedToken:
    """Returns a token of this key that opens the job for `seconds`."""
    expires = clock.seconds() + seconds
    token = job_tokens.sign(JobToken(key_id, job_id, expires), _secret())
    return IssuedToken(token, str(from_milliseconds(expires * 1000)))


def verify(text: str) -> JobToken:
    """Returns the token. The key that made it may be revoked by now. Raises InvalidToken, ExpiredToken."""
    return job_tokens.verify(text, _secret(), clock.seconds())


def _secret() -> bytes:
    return secret_values.read(setting("JOB_TOKEN_SECRET"))
