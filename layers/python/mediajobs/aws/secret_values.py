"""Secrets of this deployment, from Secrets Manager."""

from functools import cache

from mediajobs.aws import clients


@cache
def read(secret_id: str) -> bytes:
    """Returns a secret. A process reads it once, so a new value counts when the functions are deployed again."""
    value: str = clients.client("secretsmanager").get_secret_value(SecretId=secret_id)["SecretString"]
    return value.encode()
