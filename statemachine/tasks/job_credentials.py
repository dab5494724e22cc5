"""Credentials for one job: a session of the role TASK_ROLE, limited by a session policy and renewed in time."""

import json
from datetime import datetime
from functools import cached_property
from typing import Any

from botocore.credentials import DeferredRefreshableCredentials

from mediajobs.aws import clients
from mediajobs.settings import setting
from statemachine.tasks import session_policy
from statemachine.tasks.session_policy import Resources, SourceObject

SESSION_SECONDS = 3600  # a role that assumes another one gets no longer session


class JobCredentials:
    """Made with the credentials of this process, which need no right but sts:AssumeRole on TASK_ROLE. For one thread.

    Raises KeyError where TASK_ROLE, MEDIA_BUCKET or JOBS_TABLE is not set, and ValueError for a job id that could stand
    for more than one job.
    """

    def __init__(self, stage: str, job_id: str) -> None:
        self._stage, self._job_id = stage, job_id
        self._role = setting("TASK_ROLE")
        self._resources = _resources(self._role)
        self._own_policy = session_policy.policy(stage, job_id, self._resources)
        self._sts = clients.client("sts")
        self._credentials = DeferredRefreshableCredentials(self._metadata, "job-session")
        self._expires = ""

    def document(self) -> bytes:
        """The present credentials as JSON, as a container's credential endpoint answers.

        They are renewed from 15 minutes before their end. Raises botocore's errors.
        """
        keys = self._credentials.get_frozen_credentials()
        named = {"AccessKeyId": keys.access_key, "SecretAccessKey": keys.secret_key, "Token": keys.token}
        return json.dumps(named | {"Expiration": self._expires}).encode()

    def _metadata(self) -> dict[str, str]:
        """A new session, as botocore's refreshable credentials take it."""
        keys = self._assume(self._policy)
        expires: datetime = keys["Expiration"]
        self._expires = expires.isoformat()
        return {
            "access_key": keys["AccessKeyId"],
            "secret_key": keys["SecretAccessKey"],
            "token": keys["SessionToken"],
            "expiry_time": self._expires,
        }

    def _assume(self, policy: str) -> dict[str, Any]:
        answer = self._sts.assume_role(
            RoleArn=self._role,
            RoleSessionName=f"{self._job_id}-{self._stage}",
            Policy=policy,
            DurationSeconds=SESSION_SECONDS,
        )
        keys: dict[str, Any] = answer["Credentials"]
        return keys

    @cached_property
    def _policy(self) -> str:
        if self._stage != "validate":
            return self._own_policy
        return session_policy.policy(self._stage, self._job_id, self._resources, *self._source_and_owner())

    def _source_and_owner(self) -> tuple[SourceObject | None, str | None]:
        """Where the job's source is, and its account, read from its item in a session that reaches nothing else."""
        from mediajobs.jobs.tables import JOB  # PynamoDB takes a while to load, and this stage alone needs it

        keys = self._assume(self._own_policy)
        dynamodb = clients.client(
            "dynamodb",
            aws_access_key_id=keys["AccessKeyId"],
            aws_secret_access_key=keys["SecretAccessKey"],
            aws_session_token=keys["SessionToken"],
        )
        item = dynamodb.get_item(
            TableName=self._resources.jobs_table,
            Key={"job_id": {"S": self._job_id}, "item": {"S": JOB}},
            ProjectionExpression="source_url, account",
        ).get("Item", {})
        source = session_policy.source_object(item.get("source_url", {}).get("S"), self._resources.bucket)
        return source, item.get("account", {}).get("S")


def _resources(role: str) -> Resources:
    """Bucket and tables are in the partition and the account of the role: arn:PARTITION:iam::ACCOUNT:role/NAME."""
    _, partition, _, _, account, _ = role.split(":", 5)
    return Resources(
        partition, account, setting("MEDIA_BUCKET"), setting("JOBS_TABLE"), counters_table=setting("COUNTERS_TABLE", "")
    )
