"""The session policy of a task: what it may do, on the files and items of its job alone."""

import json
import re
from typing import NamedTuple

from mediajobs.storage.object_keys import output_prefix, source_key

MAX_LENGTH = 2048  # characters, of an inline session policy
_JOB_ID = re.compile(r"[0-9A-Za-z_-]+")  # nothing that a policy reads as a wildcard
_MAX_NAME = 64
_WILDCARDS = "*?$"
_NOT_ALLOWED = re.compile(r"[^\x20-\xff]+")  # characters that a session policy may not have


class Resources(NamedTuple):
    """Where jobs are: partition and account as in ARNs, names of the bucket and the tables."""

    partition: str
    account: str
    bucket: str
    jobs_table: str
    counters_table: str = ""


class SourceObject(NamedTuple):
    """An object in a bucket of somebody else that a job takes its source from."""

    bucket: str
    key: str


def source_object(source_url: str | None, media_bucket: str) -> SourceObject | None:
    """The object that an s3:// URL names. None for other URLs, and for the media bucket, which holds other jobs."""
    bucket, _, key = (source_url or "").removeprefix("s3://").partition("/")
    is_other = (source_url or "").startswith("s3://") and bucket != media_bucket
    return SourceObject(bucket, key) if is_other and bucket and key else None


def policy(
    stage: str, job_id: str, resources: Resources, source: SourceObject | None = None, owner: str | None = None
) -> str:
    """The policy as JSON, of 2048 characters at most.

    `source`: what the stage `validate` may read besides. `owner`: the job's account, whose item says whether it may.

    Raises ValueError for a job id that could stand for more than one job.
    """
    if not _JOB_ID.fullmatch(job_id):
        raise ValueError(f"no session can be limited to the job {job_id!r}")
    bucket = f"arn:{resources.partition}:s3:::{resources.bucket}"
    table = f"arn:{resources.partition}:dynamodb:*:{resources.account}:table/"
    tables, items = [table + resources.jobs_table], [job_id]
    if stage == "validate" and source is not None and owner is not None and resources.counters_table:
        tables.append(
            table + _shortened(resources.counters_table)
        )  # of this one TaskRole allows no more than reading an attribute
        items.append(f"account#{owner}")
    source_file, outputs = f"{bucket}/{source_key(job_id)}", f"{bucket}/{output_prefix(job_id)}*"
    prefixes = {"StringLike": {"s3:prefix": [source_key(job_id), f"{output_prefix(job_id)}*"]}}
    statements = [
        _allow(["s3:GetObject"], [source_file, outputs]),
        _allow(["s3:PutObject", "s3:AbortMultipartUpload", "s3:DeleteObject"], [outputs]),
        _allow(["s3:ListBucket"], [bucket]) | {"Condition": prefixes},
        _allow(["s3:ListBucketMultipartUploads"], [bucket]),  # takes no condition on the prefix
        _allow(["dynamodb:GetItem", "dynamodb:UpdateItem"], tables)
        | {"Condition": {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": items}}},
    ]
    if stage == "validate":
        statements.append(_allow(["s3:PutObject", "s3:AbortMultipartUpload"], [source_file]))
        if source is not None:
            start = f"arn:{resources.partition}:s3:::{source.bucket}/"
            room = MAX_LENGTH - len(_document([*statements, _allow(["s3:GetObject"], [start])]))
            statements.append(_allow(["s3:GetObject"], [start + _key_pattern(source.key, room)]))
    return _document(statements)


def _shortened(table: str) -> str:
    """A pattern of the name, because of the policy's length. No other table that it may match is in TaskRole."""
    return table if len(table) <= _MAX_NAME else f"{table[: _MAX_NAME - 1]}*"


def _allow(actions: list[str], resources: list[str]) -> dict[str, object]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources}


def _document(statements: list[dict[str, object]]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements}, separators=(",", ":"), ensure_ascii=False)


def _key_pattern(key: str, room: int) -> str:
    """The pattern of one key, of at most `room` characters in JSON: what a policy reads as a wildcard is escaped.

    What it cannot say becomes a wildcard: characters beyond Latin-1, and the end of a key that is too long. By that,
    a task reaches no more than objects of a bucket that the service may take sources from.
    """
    pattern, length = "", 0
    for character in _NOT_ALLOWED.sub("\0", key):
        part = "*" if character == "\0" else f"${{{character}}}" if character in _WILDCARDS else character
        length += len(json.dumps(part, ensure_ascii=False)) - 2
        if length >= room:
            return f"{pattern}*"
        pattern += part
    return pattern
