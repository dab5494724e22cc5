"""Finds the API's address and key: from options, then from the environment, then from the local stack."""

import json
import os
from typing import Any, NamedTuple

from infra.cli.command_errors import UsageError
from infra.paths import default_stack_folder

START_HINT = "Start one with `mediajobs up`"


class ApiTarget(NamedTuple):
    """An API. `unreachable_hint` is shown if it does not respond."""

    api_url: str
    api_key: str | None
    ws_url: str | None = None
    unreachable_hint: str = ""


def find_target(api_url: str | None, api_key: str | None) -> ApiTarget:
    """The target of the options; what is missing comes from the running stack. Raises UsageError.

    The key of the local stack is only for the local stack: it is never sent to an address from the options.
    """
    if api_url and api_key:
        return ApiTarget(_with_scheme(api_url), api_key, os.environ.get("MEDIAJOBS_WS_URL"))
    if api_url:
        raise UsageError(f"There is no key for {api_url}.", hints=["Set MEDIAJOBS_API_KEY or pass --api-key."])
    stack = read_running_stack()
    return ApiTarget(stack["api_url"], api_key or stack["api_key"], stack.get("ws_url"), f"{START_HINT}.")


def find_target_without_key(api_url: str | None) -> ApiTarget:
    """The same for requests that need no key."""
    return ApiTarget(_with_scheme(api_url), None) if api_url else find_target(None, None)._replace(api_key=None)


def read_running_stack() -> dict[str, Any]:
    """What `mediajobs up` saved: api_url, ws_url, api_key, endpoint_url, region and more. Raises UsageError."""
    path = default_stack_folder() / "stack.json"
    try:
        stack = json.loads(path.read_text())
        stack["api_url"], stack["api_key"]
    except FileNotFoundError:
        raise UsageError(
            "No stack is running here.", hints=[f"{START_HINT}, or set MEDIAJOBS_API_URL and MEDIAJOBS_API_KEY."]
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hints=["Run `mediajobs up` again."]) from None
    return dict(stack)


def _with_scheme(api_url: str) -> str:
    """The same URL. Raises UsageError if it has no scheme."""
    if not api_url.startswith(("http://", "https://")):
        raise UsageError(f"The API's address must start with http:// or https://, not {api_url!r}.")
    return api_url
