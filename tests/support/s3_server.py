"""S3 over real HTTP, with ranges and presigned URLs."""

import contextlib
import logging
from collections.abc import Iterator

import boto3
from botocore.config import Config
from moto.server import ThreadedMotoServer

from mediajobs.storage.bucket_store import MediaBucket


@contextlib.contextmanager
def bucket() -> Iterator[MediaBucket]:
    """An empty bucket on a server of its own."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it logs every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        client = boto3.client(
            "s3",
            endpoint_url=f"http://{host}:{port}",
            region_name="us-east-1",
            aws_access_key_id="test",
            aws_secret_access_key="test",
            config=Config(signature_version="s3v4", s3={"addressing_style": "path"}),
        )
        client.create_bucket(Bucket="media")
        client.put_bucket_versioning(Bucket="media", VersioningConfiguration={"Status": "Enabled"})
        yield MediaBucket("media", client)
    finally:
        server.stop()
