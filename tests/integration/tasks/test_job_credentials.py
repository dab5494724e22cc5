"""Sessions of jobs against a MiniStack that enforces IAM, with the role that the template makes."""

import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from infra import templates
from infra.local import emulator
from infra.paths import ROOT
from mediajobs.storage.bucket_store import MediaBucket
from statemachine.tasks.job_credentials import JobCredentials
from tests.support.emulator import ministack
from tests.support.waiting import HANG_SECONDS

STACK = "jobs"
RESOURCES = ("TaskRole", "MediaBucket", "JobsTable", "CountersTable")
PARAMETERS = {
    "Stage": "local",
    "TaskResource": "arn:aws:states:us-east-1:000000000000:activity:tasks",
    "SourceBuckets": "recordings",
}


def _template() -> str:
    """The role, the bucket and the table of template.yaml, and nothing else."""
    whole = templates.load(ROOT / "template.yaml")
    small = {name: whole[name] for name in ("AWSTemplateFormatVersion", "Parameters", "Conditions")}
    return json.dumps(small | {"Resources": {name: whole["Resources"][name] for name in RESOURCES}})


def _user(iam: Any, name: str, role: str, tags: list[dict[str, str]]) -> dict[str, str]:
    """The environment of somebody who may do nothing but assume the role."""
    iam.create_user(UserName=name, Tags=tags)
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": role}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=name, PolicyName="assume", PolicyDocument=document)
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A stack with two jobs, `A` and `B`, and the environments of two users: `worker`, `stranger`."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AUTH", "true")
        with ministack(tmp_path_factory.mktemp("account")) as session:
            cloudformation, s3 = session.client("cloudformation"), session.client("s3")
            cloudformation.create_stack(
                StackName=STACK,
                TemplateBody=_template(),
                Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in PARAMETERS.items()],
                Capabilities=["CAPABILITY_IAM"],
            )
            cloudformation.get_waiter("stack_create_complete").wait(
                StackName=STACK, WaiterConfig={"Delay": 1, "MaxAttempts": 60}
            )
            named = {
                one["LogicalResourceId"]: one["PhysicalResourceId"]
                for one in cloudformation.describe_stack_resources(StackName=STACK)["StackResources"]
            }
            iam = session.client("iam")
            role = iam.get_role(RoleName=named["TaskRole"])["Role"]["Arn"]
            settings = {
                "TASK_ROLE": role,
                "MEDIA_BUCKET": named["MediaBucket"],
                "JOBS_TABLE": named["JobsTable"],
                "COUNTERS_TABLE": named["CountersTable"],
                "SOURCE_BUCKETS": "recordings",
            }
            s3.put_bucket_versioning(Bucket=named["MediaBucket"], VersioningConfiguration={"Status": "Enabled"})
            s3.create_bucket(Bucket="recordings")
            for name in ("talk.mov", "other.mov"):
                s3.put_object(Bucket="recordings", Key=name, Body=b"media")
            for job in ("A", "B"):
                for key in (f"sources/{job}/source", f"outputs/{job}/360p.mp4"):
                    s3.put_object(Bucket=named["MediaBucket"], Key=key, Body=b"media")
                session.client("dynamodb").put_item(
                    TableName=named["JobsTable"],
                    Item={
                        "job_id": {"S": job},
                        "item": {"S": "job"},
                        "account": {"S": f"of-{job}"},
                        "source_url": {"S": "s3://recordings/talk.mov"},
                    },
                )
            base = {"AWS_ENDPOINT_URL": s3.meta.endpoint_url, **settings}
            yield {
                "bucket": named["MediaBucket"],
                "table": named["JobsTable"],
                "role": role,
                "admin": s3,
                "worker": base | _user(iam, "worker", role, [{"Key": "mediajobs-tasks", "Value": "local"}]),
                "stranger": base | _user(iam, "stranger", role, []),
            }


@pytest.fixture
def become(account: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Any:
    """become(user): this process is that user from now on."""

    def become(user: str) -> None:
        for name, value in account[user].items():
            monkeypatch.setenv(name, value)
        boto3.setup_default_session()

    yield become
    boto3.setup_default_session()


def session_of(stage: str, job_id: str) -> boto3.Session:
    keys = json.loads(JobCredentials(stage, job_id).document())
    return boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["Token"], emulator.REGION)


def refused(call: Any, **arguments: Any) -> bool:
    """Whether the call is refused for want of a right."""
    try:
        call(**arguments)
    except ClientError as error:
        return error.response["Error"]["Code"] in {"AccessDenied", "403", "AccessDeniedException"}
    return False


def test_a_session_reads_and_writes_the_files_of_its_job_and_of_no_other(account: dict[str, Any], become: Any) -> None:
    become("worker")
    s3: Any = session_of("media", "A").client("s3")
    bucket = account["bucket"]
    assert s3.get_object(Bucket=bucket, Key="sources/A/source")["Body"].read() == b"media"
    s3.put_object(Bucket=bucket, Key="outputs/A/720p.mp4", Body=b"made")
    s3.delete_object(Bucket=bucket, Key="outputs/A/720p.mp4")
    for key in ("sources/B/source", "outputs/B/360p.mp4"):
        assert refused(s3.get_object, Bucket=bucket, Key=key)
        assert refused(s3.head_object, Bucket=bucket, Key=key)
        assert refused(s3.put_object, Bucket=bucket, Key=key, Body=b"")
        assert refused(s3.delete_object, Bucket=bucket, Key=key)
        assert refused(s3.copy_object, Bucket=bucket, Key="outputs/A/stolen", CopySource={"Bucket": bucket, "Key": key})


def test_what_a_session_deletes_can_be_brought_back(account: dict[str, Any], become: Any) -> None:
    become("worker")
    s3: Any = session_of("media", "A").client("s3")
    bucket, key = MediaBucket(account["bucket"], s3), "outputs/A/audio.mp3"
    s3.put_object(Bucket=bucket.name, Key=key, Body=b"first")
    s3.put_object(Bucket=bucket.name, Key=key, Body=b"second")
    bucket.delete(key)
    assert (bucket.size(key), key in bucket.sizes("outputs/A/")) == (None, False)
    versions = account["admin"].list_object_versions(Bucket=bucket.name, Prefix=key)
    assert len(versions["Versions"]) == 2
    for version in versions["Versions"] + versions["DeleteMarkers"]:
        assert refused(s3.delete_object, Bucket=bucket.name, Key=key, VersionId=version["VersionId"])
    (marker,) = versions["DeleteMarkers"]
    account["admin"].delete_object(Bucket=bucket.name, Key=key, VersionId=marker["VersionId"])
    assert s3.get_object(Bucket=bucket.name, Key=key)["Body"].read() == b"second"


def test_a_session_lists_the_files_of_its_job_alone(account: dict[str, Any], become: Any) -> None:
    become("worker")
    s3: Any = session_of("media", "A").client("s3")
    listed = s3.list_objects_v2(Bucket=account["bucket"], Prefix="outputs/A/")
    assert "outputs/A/360p.mp4" in [entry["Key"] for entry in listed["Contents"]]
    for prefix in ("", "outputs/", "outputs/B/", "sources/", "sources/B/source"):
        assert refused(s3.list_objects_v2, Bucket=account["bucket"], Prefix=prefix), prefix
    assert refused(s3.list_objects_v2, Bucket=account["bucket"])


def test_what_is_not_there_is_told_from_what_is_another_jobs(account: dict[str, Any], become: Any) -> None:
    """S3 answers 403 of a missing object to who may list only a prefix."""
    become("worker")
    bucket = MediaBucket(account["bucket"], session_of("media", "A").client("s3"))
    assert bucket.size("sources/A/source") == 5
    assert (bucket.size("outputs/A/manifest.json"), bucket.etag("outputs/A/manifest.json")) == (None, None)
    assert bucket.read_json("outputs/A/manifest.json") is None
    for read in (bucket.size, bucket.etag, bucket.read_json):
        assert refused(read, key="outputs/B/360p.mp4")
        assert refused(read, key="outputs/B/none")


def test_validation_writes_the_source_and_the_other_stages_do_not(account: dict[str, Any], become: Any) -> None:
    become("worker")
    put = {"Bucket": account["bucket"], "Key": "sources/A/source", "Body": b"media"}
    session_of("validate", "A").client("s3").put_object(**put)
    for stage in ("media", "transcribe"):
        assert refused(session_of(stage, "A").client("s3").put_object, **put)


def test_validation_reads_the_one_object_that_its_job_names(become: Any) -> None:
    become("worker")
    s3: Any = session_of("validate", "A").client("s3")
    assert s3.get_object(Bucket="recordings", Key="talk.mov")["Body"].read() == b"media"
    assert refused(s3.get_object, Bucket="recordings", Key="other.mov")
    assert refused(session_of("media", "A").client("s3").get_object, Bucket="recordings", Key="talk.mov")


def test_a_session_writes_to_no_other_table_and_deletes_no_item(account: dict[str, Any], become: Any) -> None:
    become("worker")
    dynamodb: Any = session_of("media", "A").client("dynamodb")
    key = {"job_id": {"S": "A"}, "item": {"S": "job"}}
    assert dynamodb.get_item(TableName=account["table"], Key=key)["Item"]["job_id"] == {"S": "A"}
    assert refused(dynamodb.delete_item, TableName=account["table"], Key=key)
    assert refused(dynamodb.scan, TableName=account["table"])
    assert refused(dynamodb.get_item, TableName="ApiKeys", Key={"key_id": {"S": "k"}})


def test_who_starts_tasks_can_do_nothing_but_start_a_session(account: dict[str, Any], become: Any) -> None:
    become("worker")
    assert refused(boto3.client("s3").get_object, Bucket=account["bucket"], Key="sources/A/source")
    assert refused(boto3.client("dynamodb").scan, TableName=account["table"])


def test_who_has_no_tag_starts_no_session(become: Any) -> None:
    become("stranger")
    credentials = JobCredentials("media", "A")
    assert refused(credentials.document)


def test_credentials_are_made_once_and_renewed_before_they_end(become: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    become("worker")
    credentials = JobCredentials("media", "A")
    first = credentials.document()
    assert credentials.document() == first
    monkeypatch.setattr(credentials._credentials, "_advisory_refresh_timeout", 3601)
    second = json.loads(credentials.document())
    assert second["AccessKeyId"] != json.loads(first)["AccessKeyId"]
    keys = (second["AccessKeyId"], second["SecretAccessKey"], second["Token"])
    assert "/A-media" in boto3.Session(*keys, emulator.REGION).client("sts").get_caller_identity()["Arn"]


@pytest.mark.parametrize(("user", "code"), [("worker", 77), ("stranger", 75)])
def test_a_launched_task_works_with_the_credentials_of_its_job(account: dict[str, Any], user: str, code: int) -> None:
    """With them it sees that there is no such job; without them the table refuses it, and it is tried again."""
    done = subprocess.run(
        [sys.executable, "-m", "statemachine.tasks.launcher", "media", "--job-id", "GONE", "--attempt", "1"],
        env=emulator.client_environment(account["admin"].meta.endpoint_url) | account[user],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=HANG_SECONDS,
        check=False,
    )
    assert done.returncode == code, done.stdout + done.stderr


def test_no_task_is_started_without_a_role_and_another_try_does_not_help(account: dict[str, Any]) -> None:
    environment = emulator.client_environment(account["admin"].meta.endpoint_url) | account["worker"]
    del environment["TASK_ROLE"]
    command = [sys.executable, "-m", "statemachine.tasks.launcher", "media", "--job-id", "GONE", "--attempt", "1"]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=HANG_SECONDS, check=False
    )
    assert done.returncode == 65
    assert "TASK_ROLE" in done.stderr
