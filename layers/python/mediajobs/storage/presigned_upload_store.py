"""Creates, completes and aborts presigned uploads of sources into the media bucket."""

from collections.abc import Iterable, Sequence
from datetime import timedelta
from functools import cache
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from mediajobs import clock
from mediajobs.aws import clients
from mediajobs.errors import Conflict, JobError
from mediajobs.settings import setting
from mediajobs.storage.upload_plan import MAX_SINGLE_BYTES, PART_URL_SECONDS, SINGLE_URL_SECONDS, Part, UploadedPart
from mediajobs.timestamps import rfc3339

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_CLIENT_ERRORS = frozenset({"InvalidPart", "InvalidPartOrder", "EntityTooSmall", "MalformedXML"})


def single_upload(key: str, content_type: str | None, size: int | None) -> dict[str, Any]:
    """The `upload` of the API for a single PUT. S3 refuses a body of another length than `size` where that is known."""
    # A source is written once: S3 refuses a second PUT to the same URL with 412.
    headers = {"Content-Type": content_type or "application/octet-stream", "If-None-Match": "*"}
    parameters: dict[str, Any] = {
        "Bucket": setting("MEDIA_BUCKET"),
        "Key": key,
        "ContentType": headers["Content-Type"],
        "IfNoneMatch": headers["If-None-Match"],
    }
    if size:  # many clients send an empty file in chunks, without a length; what arrives is compared anyway
        headers["Content-Length"], parameters["ContentLength"] = str(size), size
    url = _client().generate_presigned_url("put_object", parameters, ExpiresIn=SINGLE_URL_SECONDS, HttpMethod="PUT")
    return {
        "method": "PUT",
        "url": url,
        "headers": headers,
        "max_bytes": MAX_SINGLE_BYTES if size is None else size,
        "expires_at": _expiry(SINGLE_URL_SECONDS),
    }


def create_multipart(key: str, content_type: str | None) -> str:
    """Creates a multipart upload. Returns its id."""
    answer = _client().create_multipart_upload(
        Bucket=setting("MEDIA_BUCKET"), Key=key, ContentType=content_type or "application/octet-stream"
    )
    return str(answer["UploadId"])


def multipart_upload(key: str, upload_id: str, parts: Sequence[Part], complete_url: str) -> dict[str, Any]:
    """The `upload` of the API for a multipart upload."""
    client, bucket = _client(), setting("MEDIA_BUCKET")

    def url(part: Part) -> str:
        parameters: dict[str, Any] = {"Bucket": bucket, "Key": key, "UploadId": upload_id, "PartNumber": part.number}
        parameters["ContentLength"] = part.size  # S3 refuses a body of another length
        return str(client.generate_presigned_url("upload_part", parameters, ExpiresIn=PART_URL_SECONDS))

    return {
        "method": "PUT",
        "parts": [{"part_number": part.number, "url": url(part), "size": part.size} for part in parts],
        "max_bytes": sum(part.size for part in parts),
        "complete_url": complete_url,
        "expires_at": _expiry(PART_URL_SECONDS),
    }


def complete_multipart(key: str, upload_id: str, parts: Iterable[UploadedPart]) -> None:
    """Completes the upload. Raises JobError(invalid_parts), and Conflict where it was completed or has expired."""
    ordered = sorted(parts, key=lambda part: part.part_number)
    listed: Any = [{"PartNumber": part.part_number, "ETag": part.etag} for part in ordered]
    try:
        _transfer_client().complete_multipart_upload(
            Bucket=setting("MEDIA_BUCKET"), Key=key, UploadId=upload_id, MultipartUpload={"Parts": listed}
        )
    except ClientError as error:
        code = error.response["Error"]["Code"]
        if code in _CLIENT_ERRORS:
            message = f"S3 does not have the parts as listed ({code}). Upload what is missing and list every ETag."
            raise JobError("invalid_parts", message) from error
        if code == "NoSuchUpload":
            raise Conflict("This upload was completed before, or has expired.") from error
        raise


def abort_multipart(key: str, upload_id: str) -> None:
    """Aborts the upload. Does nothing where it was completed or has expired."""
    try:
        _client().abort_multipart_upload(Bucket=setting("MEDIA_BUCKET"), Key=key, UploadId=upload_id)
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchUpload":
            raise


def _expiry(seconds: int) -> str:
    return rfc3339(clock.utc_now() + timedelta(seconds=seconds))


@cache
def _client() -> "S3Client":
    return clients.s3()


@cache
def _transfer_client() -> "S3Client":
    return clients.s3(clients.TRANSFER)
