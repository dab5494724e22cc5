"""What the session of a task may do: these actions on these resources, and no other."""

import json
from typing import Any

import pytest

from statemachine.tasks import session_policy
from statemachine.tasks.session_policy import Resources, SourceObject, policy, source_object

JOB = "01JDFA2N6M8R5T0VYQ7XKZ3WBC"
HERE = Resources("aws", "123456789012", "media", "Jobs")
SOURCE = "arn:aws:s3:::media/sources/01JDFA2N6M8R5T0VYQ7XKZ3WBC/source"
OUTPUTS = "arn:aws:s3:::media/outputs/01JDFA2N6M8R5T0VYQ7XKZ3WBC/*"
OWN_PREFIXES = {
    "StringLike": {"s3:prefix": [f"sources/{JOB}/source", f"outputs/{JOB}/*"]},
}
OWN_ITEMS = {"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [JOB]}}
TABLE = "arn:aws:dynamodb:*:123456789012:table/Jobs"
EVERY_STAGE: set[tuple[str, str, str]] = {
    ("s3:GetObject", SOURCE, ""),
    ("s3:GetObject", OUTPUTS, ""),
    ("s3:PutObject", OUTPUTS, ""),
    ("s3:AbortMultipartUpload", OUTPUTS, ""),
    ("s3:DeleteObject", OUTPUTS, ""),
    ("s3:ListBucket", "arn:aws:s3:::media", json.dumps(OWN_PREFIXES)),
    ("s3:ListBucketMultipartUploads", "arn:aws:s3:::media", ""),
    ("dynamodb:GetItem", TABLE, json.dumps(OWN_ITEMS)),
    ("dynamodb:UpdateItem", TABLE, json.dumps(OWN_ITEMS)),
}
VALIDATION = {("s3:PutObject", SOURCE, ""), ("s3:AbortMultipartUpload", SOURCE, "")}


def statements(text: str) -> list[dict[str, Any]]:
    document = json.loads(text)
    assert document["Version"] == "2012-10-17"
    found: list[dict[str, Any]] = document["Statement"]
    assert all(statement["Effect"] == "Allow" for statement in found)
    return found


def allowed(text: str) -> set[tuple[str, str, str]]:
    """Every action with every resource, and the condition."""
    return {
        (action, resource, json.dumps(statement["Condition"]) if "Condition" in statement else "")
        for statement in statements(text)
        for action in statement["Action"]
        for resource in statement["Resource"]
    }


@pytest.mark.parametrize("stage", ["media", "transcribe"])
def test_a_session_reaches_the_files_and_items_of_its_job_alone(stage: str) -> None:
    assert allowed(policy(stage, JOB, HERE)) == EVERY_STAGE


def test_validation_alone_writes_the_source() -> None:
    assert allowed(policy("validate", JOB, HERE)) == EVERY_STAGE | VALIDATION


def test_validation_reads_the_one_object_that_the_source_comes_from() -> None:
    origin = SourceObject("recordings", "2026/talk.mov")
    one = ("s3:GetObject", "arn:aws:s3:::recordings/2026/talk.mov", "")
    assert allowed(policy("validate", JOB, HERE, origin)) == EVERY_STAGE | VALIDATION | {one}
    assert allowed(policy("media", JOB, HERE, origin)) == EVERY_STAGE


def test_validation_of_a_source_in_s3_reads_the_item_of_its_account() -> None:
    here = HERE._replace(counters_table="Counters")
    origin = SourceObject("recordings", "2026/talk.mov")
    condition = json.dumps({"ForAllValues:StringEquals": {"dynamodb:LeadingKeys": [JOB, "account#acme"]}})
    counters = "arn:aws:dynamodb:*:123456789012:table/Counters"
    assert ("dynamodb:GetItem", counters, condition) in allowed(policy("validate", JOB, here, origin, "acme"))
    assert allowed(policy("validate", JOB, here, None, "acme")) == EVERY_STAGE | VALIDATION
    assert allowed(policy("media", JOB, here, origin, "acme")) == EVERY_STAGE


@pytest.mark.parametrize("job_id", ["*", "A*", "A?", "${aws:userid}", "../A", "A/*", "", "A\n"])
def test_no_job_id_stands_for_the_files_of_another_job(job_id: str) -> None:
    with pytest.raises(ValueError, match="no session"):
        policy("media", job_id, HERE)


@pytest.mark.parametrize(
    ("key", "resource"),
    [
        ("a*b", "a${*}b"),
        ("*", "${*}"),
        ("what?.mov", "what${?}.mov"),
        ("${aws:username}/x", "${$}{aws:username}/x"),
        ('quote".mov', 'quote".mov'),
        ("Füße.mov", "Füße.mov"),
        ("日本語/1.mov", "*/1.mov"),
    ],
)
def test_a_key_stands_for_itself_and_not_for_a_pattern(key: str, resource: str) -> None:
    text = policy("validate", JOB, HERE, SourceObject("recordings", key))
    assert ("s3:GetObject", f"arn:aws:s3:::recordings/{resource}", "") in allowed(text)
    assert all("\x20" <= letter <= "\xff" for letter in text)


@pytest.mark.parametrize("letter", ["k", "*", '"', "\\", "é", "日"])
def test_the_longest_names_fit_into_a_session_policy(letter: str) -> None:
    longest = Resources("aws-us-gov", "123456789012", "b" * 63, "t" * 255, "c" * 255)
    source = SourceObject("s" * 63, letter * (1024 // len(letter.encode())))
    text = policy("validate", JOB, longest, source, "a" * 64)
    assert len(text) <= session_policy.MAX_LENGTH
    assert statements(text)


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://recordings/a/b?c*.mov", SourceObject("recordings", "a/b?c*.mov")),
        ("s3://media/sources/OTHER/source", None),
        ("s3://recordings", None),
        ("s3://recordings/", None),
        ("https://example.com/recordings/a", None),
        ("", None),
        (None, None),
    ],
)
def test_the_source_is_an_object_of_another_bucket_or_none(url: str | None, expected: SourceObject | None) -> None:
    assert source_object(url, "media") == expected
