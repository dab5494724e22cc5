"""AWS clients. DynamoDB has one for all stores; the others are made, and boto3 is loaded, where they are first used."""

import os
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from mediajobs.stores.patience import DYNAMODB, SHORT, Patience
from mediajobs.stores.rows import connection

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


def dynamodb() -> Any:
    """botocore's own client below the models, for what is read and written often."""
    return connection().client


def client(service: str, config: Config | None = None, **more: Any) -> Any:
    """With the patience of its kind, where `config` says no other. `more`: what boto3 takes."""
    import boto3  # with its resources and transfers it takes longer to load than most requests take to answer

    make: Any = boto3.client
    usual = _waiting(DYNAMODB if service == "dynamodb" else SHORT)
    return make(service, config=usual.merge(config or Config()), **more)


def s3(patience: Patience = SHORT) -> "S3Client":
    """The only way to a client of S3 whose URLs are given away."""
    # An endpoint of one's own rarely resolves bucket.host: address the bucket in the path there.
    own_endpoint = {"AWS_ENDPOINT_URL", "AWS_ENDPOINT_URL_S3"} & os.environ.keys()
    config = Config(
        signature_version="s3v4",
        # "virtual" rather than "auto", which signs for the global host: that one redirects a PUT to any other region
        # than us-east-1, where its signature does not hold, and refuses it for the newer regions.
        s3={"addressing_style": "path" if own_endpoint else "virtual"},
        max_pool_connections=16,
    )
    made: S3Client = client("s3", _waiting(patience).merge(config))
    return made


def _waiting(patience: Patience) -> Config:
    return Config(
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        retries={"mode": "standard", "total_max_attempts": patience.tries},
    )
