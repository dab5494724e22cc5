"""The environment variables of the functions and tasks. No other module of the library reads them."""

import os


def setting(variable: str, default: str | None = None) -> str:
    """Read when it is needed, not at import. Raises KeyError where it is not set and there is no default."""
    return os.environ[variable] if default is None else os.environ.get(variable, default)


def is_on(variable: str) -> bool:
    """Whether a switch is "true"; one that is not set is off."""
    return setting(variable, "").lower() == "true"


def has_own_endpoint() -> bool:
    """Whether S3 is asked for at another endpoint than that of AWS."""
    return bool({"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"} & os.environ.keys())
