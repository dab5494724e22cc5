"""Makes the clients of AWS services, with time-outs that suit each service.

A hanging connection must end before the function that waits for it is killed.
"""

from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.config import Config

from mediajobs import settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Timeouts(NamedTuple):
    """Seconds to connect and to read a response, and the number of tries in all."""

    connect: float
    read: float
    tries: int


# An API request ends after 29 s, the other functions after 30 s or more. A call that usually takes milliseconds times
# out early enough for a second try and the rest of the work. DynamoDB, which a request calls several times, has less
# time than the other services.
DYNAMODB = Timeouts(connect=3, read=5, tries=4)
SHORT = Timeouts(connect=3, read=10, tries=4)
# S3 may take a minute to copy or to assemble a large object. An earlier second try would run beside the first one.
TRANSFER = Timeouts(connect=10, read=60, tries=5)


def client(service: str, config: Config | None = None, **arguments: Any) -> Any:
    """Makes a client with the service's time-outs, which `config` may override. `arguments` are those of boto3."""
    import boto3  # takes longer to load, with its resources and transfers, than most requests take

    make_client: Any = boto3.client
    default = _config(DYNAMODB if service == "dynamodb" else SHORT)
    return make_client(service, config=default.merge(config or Config()), **arguments)


def s3(timeouts: Timeouts = SHORT) -> "S3Client":
    """Makes the client of S3. All presigned URLs are made by such a client."""
    # An own endpoint rarely resolves bucket.host, so the bucket is in the path there.
    own_endpoint = settings.has_own_endpoint()
    config = Config(
        signature_version="s3v4",
        # Not "auto", which signs for the global host: that redirects a PUT to any region but us-east-1, where the
        # signature is not valid, and refuses it for the newer regions.
        s3={"addressing_style": "path" if own_endpoint else "virtual"},
        max_pool_connections=16,
    )
    s3_client: S3Client = client("s3", _config(timeouts).merge(config))
    return s3_client


def _config(timeouts: Timeouts) -> Config:
    return Config(
        connect_timeout=timeouts.connect,
        read_timeout=timeouts.read,
        retries={"mode": "standard", "total_max_attempts": timeouts.tries},
    )
