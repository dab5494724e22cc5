"""Where the API is and which key opens it: options, then the environment, then the local stack."""

import json
import os
from pathlib import Path
from typing import Any, NamedTuple

from infra.cli.errors import UsageError

ROOT = Path(__file__).resolve().parents[2]
START_ONE = "Start one with `mediajobs up`"


class Place(NamedTuple):
    """`cure`: what helps where nobody answers there."""

    api_url: str
    api_key: str | None
    ws_url: str | None = None
    cure: str = ""


def home() -> Path:
    """Where the local stack keeps everything."""
    return Path(os.environ.get("MEDIAJOBS_HOME") or ROOT / ".local").resolve()


def short(path: Path) -> Path:
    """The path from here where it lies below."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def find(api_url: str | None, api_key: str | None) -> Place:
    """The place that the options name; what they leave open comes from the running stack.

    The key of the local stack is for the local stack alone: it is never sent to an address given otherwise.
    """
    if api_url and api_key:
        return Place(_checked(api_url), api_key, os.environ.get("MEDIAJOBS_WS_URL"))
    if api_url:
        raise UsageError(f"There is no key for {api_url}.", hints=["Set MEDIAJOBS_API_KEY or pass --api-key."])
    stack = running_stack()
    return Place(stack["api_url"], api_key or stack["api_key"], stack.get("ws_url"), f"{START_ONE}.")


def find_without_key(api_url: str | None) -> Place:
    """The same, for what needs no key."""
    return Place(_checked(api_url), None) if api_url else find(None, None)._replace(api_key=None)


def running_stack() -> dict[str, Any]:
    """What `mediajobs up` wrote: api_url, ws_url, api_key, endpoint_url, region and more."""
    path = home() / "stack.json"
    try:
        stack = json.loads(path.read_text())
        stack["api_url"], stack["api_key"]
    except FileNotFoundError:
        raise UsageError(
            "No stack is running here.", hints=[f"{START_ONE}, or set MEDIAJOBS_API_URL and MEDIAJOBS_API_KEY."]
        ) from None
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"{path} cannot be read: {error}", hints=["Run `mediajobs up` again."]) from None
    return dict(stack)


def _checked(api_url: str) -> str:
    if not api_url.startswith(("http://", "https://")):
        raise UsageError(f"The API's address must start with http:// or https://, not {api_url!r}.")
    return api_url
