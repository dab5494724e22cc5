"""AWS clients. DynamoDB has one for all stores; the others are made, and boto3 is loaded, where they are first used."""

from typing import TYPE_CHECKING, Any

from mediajobs.stores.rows import connection

if TYPE_CHECKING:
    from botocore.config import Config


def dynamodb() -> Any:
    """botocore's own client below the models, for what is read and written often."""
    return connection().client


def client(service: str, config: "Config | None" = None) -> Any:
    import boto3  # with its resources and transfers it takes longer to load than most requests take to answer

    make: Any = boto3.client
    return make(service, config=config)
