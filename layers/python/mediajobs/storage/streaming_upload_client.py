"""A streaming upload to S3: parts are uploaded in the background while the body is still being produced."""

import hashlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, NamedTuple

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef

PART_BYTES = 8 << 20  # S3 takes 10,000 parts, so 80 GB
WORKERS = 3


class StoredObject(NamedTuple):
    """An object as it is stored in the bucket; `sha256` in hex."""

    key: str
    size_bytes: int
    sha256: str


class StreamingUpload:
    """Write, then close or abort. At most WORKERS + 1 parts are in memory: write blocks while S3 is slower.

    One thread writes. `uploaded` (bytes confirmed by S3) may be read from any thread. The error of a failed part is
    raised by the next write or by close. A body smaller than a part is a single PUT.
    """

    def __init__(self, client: "S3Client", bucket: str, key: str, content_type: str) -> None:
        self.key = key
        self.size = 0
        self.uploaded = 0
        self._client, self._bucket, self._content_type = client, bucket, content_type
        self._hash = hashlib.sha256()
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._parts: list[Future[CompletedPartTypeDef]] = []
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="upload")
        self._free_slots = threading.Semaphore(WORKERS)
        self._lock = threading.Lock()
        self._ended = False

    def write(self, data: bytes) -> None:
        if self._ended:
            raise ValueError(f"the upload of {self.key} has ended")
        self._hash.update(data)
        self.size += len(data)
        self._buffer += data
        while len(self._buffer) >= PART_BYTES:
            self._send(bytes(self._buffer[:PART_BYTES]))
            del self._buffer[:PART_BYTES]

    def close(self) -> StoredObject:
        """Makes the complete object visible. A failure leaves no object and raises botocore's error."""
        try:
            self._finish()
        except BaseException:  # also a kill: S3 charges for incomplete uploads
            self.abort()
            raise
        self._ended = True
        self._pool.shutdown()
        return StoredObject(self.key, self.size, self._hash.hexdigest())

    def abort(self) -> None:
        """Aborts the upload and leaves nothing. Does nothing after close or when called again."""
        if self._ended:
            return
        self._ended = True
        self._pool.shutdown(wait=True, cancel_futures=True)
        if self._upload_id is not None:
            self._abort_multipart(self._upload_id)

    def _abort_multipart(self, upload_id: str) -> None:
        try:
            self._client.abort_multipart_upload(Bucket=self._bucket, Key=self.key, UploadId=upload_id)
        except ClientError as error:
            if error.response["Error"]["Code"] != "NoSuchUpload":  # a later run has aborted it
                raise

    def _finish(self) -> None:
        if self._upload_id is None:
            self._client.put_object(
                Bucket=self._bucket, Key=self.key, Body=bytes(self._buffer), ContentType=self._content_type
            )
            self._confirm(len(self._buffer))
            return
        if self._buffer:
            self._send(bytes(self._buffer))
        parts = [part.result() for part in self._parts]
        self._client.complete_multipart_upload(
            Bucket=self._bucket, Key=self.key, UploadId=self._upload_id, MultipartUpload={"Parts": parts}
        )

    def _send(self, body: bytes) -> None:
        if self._upload_id is None:
            self._upload_id = self._client.create_multipart_upload(
                Bucket=self._bucket, Key=self.key, ContentType=self._content_type
            )["UploadId"]
        self._free_slots.acquire()  # waits no longer than the client's time-outs
        self._raise_failure()
        self._parts.append(self._pool.submit(self._upload_part, self._upload_id, len(self._parts) + 1, body))

    def _upload_part(self, upload_id: str, number: int, body: bytes) -> "CompletedPartTypeDef":
        try:
            answer = self._client.upload_part(
                Bucket=self._bucket, Key=self.key, UploadId=upload_id, PartNumber=number, Body=body
            )
        finally:
            self._free_slots.release()
        self._confirm(len(body))
        part: CompletedPartTypeDef = {"PartNumber": number, "ETag": answer["ETag"]}
        # S3 requires the part's checksum here where the client sent one.
        if "ChecksumCRC32" in answer:
            part["ChecksumCRC32"] = answer["ChecksumCRC32"]
        return part

    def _raise_failure(self) -> None:
        for part in self._parts:
            if part.done() and (error := part.exception()) is not None:
                raise error

    def _confirm(self, size: int) -> None:
        with self._lock:
            self.uploaded += size
