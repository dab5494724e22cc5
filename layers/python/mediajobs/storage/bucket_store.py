"""The media bucket: reads sources and outputs by range, and writes outputs while they are made."""

import json
from collections.abc import Iterator
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple
from urllib.parse import quote

from botocore.exceptions import ClientError, HTTPClientError, IncompleteReadError

from mediajobs.aws import backoff, clients
from mediajobs.settings import setting
from mediajobs.storage.object_keys import source_key
from mediajobs.storage.streaming_upload_client import StoredObject, StreamingUpload

if TYPE_CHECKING:
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

CHUNK_BYTES = 8 << 20
READ_ATTEMPTS = 4
_READ_PAUSE, _MAX_READ_PAUSE = 1.0, 8.0  # seconds
_MAX_DELETED = 1000  # in a call
_MISSING_CODES = frozenset({"404", "NoSuchKey", "NotFound"})
_FORBIDDEN_CODES = frozenset({"403", "AccessDenied", "Forbidden"})
READ_ERRORS = (HTTPClientError, IncompleteReadError)  # of a body whose connection broke


class ObjectVersion(NamedTuple):
    """An object's size, and its ETag, which changes with its content."""

    size_bytes: int
    etag: str


class MediaBucket:
    """One S3 bucket. Its clients are made on first use, so importing this module needs no connection or credentials."""

    def __init__(self, bucket: str, client: "S3Client | None" = None) -> None:
        self.name = bucket
        if client is not None:
            self.client = self.metadata_client = client

    @staticmethod
    def from_environment() -> "MediaBucket":
        """The bucket MEDIA_BUCKET, one instance for all requests, because each client opens a connection."""
        return _bucket(setting("MEDIA_BUCKET"))

    @cached_property
    def client(self) -> "S3Client":
        """For object bodies and copies, with the longer time-outs."""
        return clients.s3(clients.TRANSFER)

    @cached_property
    def metadata_client(self) -> "S3Client":
        """For calls that S3 answers at once, however large the object is."""
        return clients.s3()

    def presigned_get(self, key: str, *, expires: int = 3600) -> str:
        """A URL that anybody may GET for `expires` seconds."""
        return self._presigned(expires, Key=key)

    def presigned_download(self, key: str, filename: str, content_type: str) -> str:
        """A URL that anybody may GET for an hour: a browser saves the object under this name, and never shows it.

        `content_type` comes in place of the one that the object was stored with, which for a source is its client's.
        """
        return self._presigned(
            3600, Key=key, ResponseContentDisposition=content_disposition(filename), ResponseContentType=content_type
        )

    def _presigned(self, expires: int, **parameters: str) -> str:
        return self.metadata_client.generate_presigned_url(
            "get_object", Params={"Bucket": self.name, **parameters}, ExpiresIn=expires
        )

    def version(self, key: str) -> ObjectVersion | None:
        """None where there is no such object."""
        try:
            head = self.metadata_client.head_object(Bucket=self.name, Key=key)
        except ClientError as error:
            if self._is_missing(key, error):
                return None
            raise
        return ObjectVersion(head["ContentLength"], head["ETag"])

    def size(self, key: str) -> int | None:
        """Bytes, or None where there is no such object."""
        version = self.version(key)
        return version and version.size_bytes

    def etag(self, key: str) -> str | None:
        """Changes with the object's content. None where there is no such object."""
        version = self.version(key)
        return version and version.etag

    def read_json(self, key: str) -> Any | None:
        """The parsed document, or None where there is no such object."""
        try:
            body = self.metadata_client.get_object(Bucket=self.name, Key=key)["Body"].read()
        except ClientError as error:
            if self._is_missing(key, error):
                return None
            raise
        return json.loads(body)

    def write_json(self, key: str, value: Any) -> None:
        body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
        self.metadata_client.put_object(Bucket=self.name, Key=key, Body=body, ContentType="application/json")

    def read_range(self, key: str, offset: int, size: int, *, etag: str | None = None) -> bytes:
        """`size` bytes from `offset`, fewer at the object's end, none past it. Broken reads are retried."""
        condition: Any = {} if etag is None else {"IfMatch": etag}
        for attempt in backoff.attempts(READ_ATTEMPTS, first_pause=_READ_PAUSE, max_pause=_MAX_READ_PAUSE):
            try:
                answer = self.client.get_object(
                    Bucket=self.name, Key=key, Range=f"bytes={offset}-{offset + size - 1}", **condition
                )
                return answer["Body"].read()
            except ClientError as error:
                if error.response["Error"]["Code"] in {"InvalidRange", "416"}:
                    return b""
                raise
            except READ_ERRORS:
                if attempt == READ_ATTEMPTS - 1:
                    raise
        raise AssertionError("the loop returns or raises")

    def open_at(self, key: str, offset: int, *, etag: str) -> "StreamingBody":
        """The bytes from `offset` to the object's end, as they come. Raises ClientError if the object was replaced."""
        return self.client.get_object(Bucket=self.name, Key=key, Range=f"bytes={offset}-", IfMatch=etag)["Body"]

    def read_chunks(self, key: str, size: int = CHUNK_BYTES) -> Iterator[bytes]:
        """Yields the object in chunks. Raises ClientError (PreconditionFailed) if it is replaced meanwhile."""
        head = self.metadata_client.head_object(Bucket=self.name, Key=key)
        for offset in range(0, head["ContentLength"], size):
            yield self.read_range(key, offset, size, etag=head["ETag"])

    def upload(self, file: BinaryIO, key: str, content_type: str) -> StoredObject:
        """Stores what is left to read in the file."""
        upload = self.streaming_upload(key, content_type)
        try:
            while chunk := file.read(CHUNK_BYTES):
                upload.write(chunk)
            return upload.close()
        except BaseException:  # also a kill: S3 charges for incomplete uploads
            upload.abort()
            raise

    def streaming_upload(self, key: str, content_type: str) -> StreamingUpload:
        """Starts a streaming upload: write, then close (or abort, which leaves nothing)."""
        return StreamingUpload(self.client, self.name, key, content_type)

    def abort_uploads(self, prefix: str) -> None:
        """Aborts the incomplete multipart uploads of an earlier run."""
        pages = self.metadata_client.get_paginator("list_multipart_uploads").paginate(Bucket=self.name, Prefix=prefix)
        for upload in [upload for page in pages for upload in page.get("Uploads", [])]:
            self.metadata_client.abort_multipart_upload(
                Bucket=self.name, Key=upload["Key"], UploadId=upload["UploadId"]
            )

    def sizes(self, prefix: str) -> dict[str, int]:
        """Bytes by key, of every object with this prefix."""
        pages = self.metadata_client.get_paginator("list_objects_v2").paginate(Bucket=self.name, Prefix=prefix)
        return {entry["Key"]: entry["Size"] for page in pages for entry in page.get("Contents", [])}

    def delete_all(self, prefix: str) -> int:
        """Deletes every object with this prefix, which should end with a slash. Returns their number."""
        keys = list(self.sizes(prefix))
        for start in range(0, len(keys), _MAX_DELETED):
            batch: Any = {"Objects": [{"Key": key} for key in keys[start : start + _MAX_DELETED]], "Quiet": True}
            answer: Any = self.metadata_client.delete_objects(Bucket=self.name, Delete=batch)
            if errors := answer.get("Errors"):
                raise ClientError({"Error": errors[0]}, "DeleteObjects")
        return len(keys)

    def delete(self, *keys: str) -> None:
        for key in keys:
            self.metadata_client.delete_object(Bucket=self.name, Key=key)

    def _is_missing(self, key: str, error: ClientError) -> bool:
        """Whether the reason of a refused read is that there is no such object.

        Who may list under a prefix alone, as a task, is answered 403 as if the object were there.
        """
        code = error.response["Error"]["Code"]
        return code in _MISSING_CODES or (code in _FORBIDDEN_CODES and key not in self.sizes(key))


def source_size(job_id: str) -> int | None:
    """Bytes of a job's source, None where nothing was uploaded."""
    key = source_key(job_id)
    return MediaBucket.from_environment().sizes(key).get(key)


def content_disposition(filename: str) -> str:
    """A Content-Disposition (RFC 6266) with a plain fallback and the exact name in UTF-8."""
    name = "".join(letter for letter in filename if letter.isprintable()) or "download"
    plain = "".join(letter if letter.isascii() and letter not in '"\\%;/' else "_" for letter in name)
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


@cache
def _bucket(name: str) -> MediaBucket:
    return MediaBucket(name)
