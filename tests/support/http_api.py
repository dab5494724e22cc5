"""The API's real handler, in process, as a client asks it."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import Any
from urllib.parse import urlencode

from chalice.test import Client, HTTPResponse

from mediajobs.accounts import key_store

NO_LIMIT = 100_000  # requests a minute


class Ask:
    """Sends requests with a key of the account `acme`, or with another."""

    def __init__(self, client: Client, key: str | None = None) -> None:
        self._client = client
        if key is not None:
            self.key = key

    @cached_property
    def key(self) -> str:
        return key_store.create("acme", requests_per_minute=NO_LIMIT)

    def by(self, key: str) -> "Ask":
        """The same API, as the owner of this key asks it."""
        return Ask(self._client, key)

    def __call__(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        query: Mapping[str, Any] | None = None,
        key: str | None = None,
        headers: Mapping[str, str] | None = None,
        status: int | None = None,
    ) -> HTTPResponse:
        """The answer. `body` is bytes, or becomes JSON. An empty `key` is none. Any other `status` is a failure."""
        url = f"{path}?{urlencode(query, doseq=True)}" if query else path
        content = body if isinstance(body, bytes) else b"" if body is None else json.dumps(body).encode()
        key = self.key if key is None else key
        sent = ({"X-API-Key": key} if key else {}) | ({} if body is None else {"Content-Type": "application/json"})
        answer = self._client.http.request(method, url, headers=sent | dict(headers or {}), body=content)
        assert status in (None, answer.status_code), answer.body
        return answer
