"""The environment variables of the functions and tasks. No other module of the library reads them."""

import os


def setting(variable: str, default: str | None = None) -> str:
    """Returns a variable's value, read at this call. Raises KeyError if it is not set and has no default."""
    return os.environ[variable] if default is None else os.environ.get(variable, default)


def is_on(variable: str) -> bool:
    """Whether a switch has the value "true", in any case. A switch that is not set is off."""
    return setting(variable, "").lower() == "true"


def has_own_endpoint() -> bool:
    """Whether S3 has another endpoint than that of AWS."""
    return bool({"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"} & os.environ.keys())
