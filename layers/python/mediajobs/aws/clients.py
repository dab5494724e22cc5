"""How long the clients of AWS wait, by what they ask for. A hanging connection must not outlast who asks."""

from typing import TYPE_CHECKING, Any, NamedTuple

from botocore.config import Config

from mediajobs import settings

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client


class Timeouts(NamedTuple):
    """Seconds for a connection and for an answer on it, and the tries in all."""

    connect: float
    read: float
    tries: int


# A request ends after 29 s, the other functions after 30 or more. What is answered in milliseconds is given up in time
# for a second try and the rest of the work; DynamoDB, which a request asks several times, sooner than the others.
DYNAMODB = Timeouts(connect=3, read=5, tries=4)
SHORT = Timeouts(connect=3, read=10, tries=4)
# S3 may take a minute to copy or to join what is large: a second try before that would find the first one at work.
TRANSFER = Timeouts(connect=10, read=60, tries=5)


def client(service: str, config: Config | None = None, **more: Any) -> Any:
    """With the patience of its kind, where `config` says no other. `more`: what boto3 takes."""
    import boto3  # with its resources and transfers it takes longer to load than most requests take to answer

    make: Any = boto3.client
    usual = _waiting(DYNAMODB if service == "dynamodb" else SHORT)
    return make(service, config=usual.merge(config or Config()), **more)


def s3(patience: Timeouts = SHORT) -> "S3Client":
    """The only way to a client of S3 whose URLs are given away."""
    # An endpoint of one's own rarely resolves bucket.host: address the bucket in the path there.
    own_endpoint = settings.has_own_endpoint()
    config = Config(
        signature_version="s3v4",
        # "virtual" rather than "auto", which signs for the global host: that one redirects a PUT to any other region
        # than us-east-1, where its signature does not hold, and refuses it for the newer regions.
        s3={"addressing_style": "path" if own_endpoint else "virtual"},
        max_pool_connections=16,
    )
    made: S3Client = client("s3", _waiting(patience).merge(config))
    return made


def _waiting(patience: Timeouts) -> Config:
    return Config(
        connect_timeout=patience.connect,
        read_timeout=patience.read,
        retries={"mode": "standard", "total_max_attempts": patience.tries},
    )
