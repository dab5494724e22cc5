"""What a request authenticates with: an API key, or a job token."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from urllib.parse import quote

from chalice.app import Request

from chalicelib.http.problems import Problem
from chalicelib.http.routes import Route
from mediajobs.accounts import authentication_service, job_tokens
from mediajobs.accounts.api_keys import split_key
from mediajobs.accounts.job_tokens import ExpiredToken, InvalidToken
from mediajobs.accounts.key_store import Caller

KEY_PARAMETER, TOKEN_PARAMETER = "api_key", "token"
_CHALLENGE = 'ApiKey realm="mediajobs"'
_MISSING = "The API key is missing. Send it in the header X-API-Key."
_ONE_JOB = "A job token opens the stream, the events and the downloads of its job alone. Send an API key in X-API-Key."
_BAD_KEY = "The API key is malformed, unknown or revoked. Make a new one."
_BAD_JOB = "The job token is malformed, or the key that made it is revoked. Make one: POST /jobs/{job_id}/tokens."
_TOO_LATE = "The job token has expired. Make a new one: POST /jobs/{job_id}/tokens."


@dataclass(frozen=True)
class Credential:
    """`parameter` is the one of the query that it came in, None for the header."""

    text: str
    parameter: str | None = None

    @property
    def key_id(self) -> str | None:
        """The id of the key, or of the key that a token says made it; None where the text has none. Not checked."""
        if self.parameter == TOKEN_PARAMETER:
            return job_tokens.key_id_of(self.text)
        parts = split_key(self.text)
        return parts[0] if parts else None

    @property
    def link_query(self) -> str:
        """The query of links in the answer: who cannot set a header here cannot set one at the next request either."""
        return f"?{self.parameter}={quote(self.text, safe='')}" if self.parameter else ""

    def authenticate(self, counter: str) -> Caller:
        """Counts the request under `counter`. Raises Problem(401), RateLimitExceeded, Contention."""
        is_token = self.parameter == TOKEN_PARAMETER
        check: Callable[[str, str], Caller | None] = (
            authentication_service.by_token if is_token else authentication_service.by_key
        )
        try:
            caller = check(self.text, counter)
        except ExpiredToken as error:
            raise _unauthorized(_TOO_LATE, slug="token-expired") from error
        except InvalidToken as error:
            raise _unauthorized(_BAD_JOB) from error
        if caller is None:
            raise _unauthorized(_BAD_JOB if is_token else _BAD_KEY)
        return caller


def parameters(route: Route) -> tuple[str, ...]:
    """Returns the parameters of the query that may hold a credential."""
    if route.key == "query":
        return TOKEN_PARAMETER, KEY_PARAMETER
    return (TOKEN_PARAMETER,) if route.token else ()


def of_request(raw: Request, route: Route) -> Credential:
    """Returns the key in the header, else a credential in the query where the route takes one. Raises Problem(401)."""
    if key := raw.headers.get("x-api-key"):
        return Credential(key)
    query: Mapping[str, str] = raw.query_params or {}
    for parameter in parameters(route):
        if text := query.get(parameter):
            return Credential(text, parameter)
    raise _unauthorized(_ONE_JOB if TOKEN_PARAMETER in query else _MISSING)


def _unauthorized(detail: str, slug: str | None = None) -> Problem:
    return Problem(HTTPStatus.UNAUTHORIZED, detail, slug=slug, headers={"WWW-Authenticate": _CHALLENGE})
