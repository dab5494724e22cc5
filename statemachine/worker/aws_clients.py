"""The AWS clients of the worker, with their time-outs and retries."""

import random
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient

# A poll is answered after 60 s at the latest. botocore does not retry it: a lost answer may have carried a task.
POLL = Config(read_timeout=70, connect_timeout=5, retries={"total_max_attempts": 1})
CALL = Config(read_timeout=10, connect_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
# The next heartbeat follows soon, and a worker that stops does not wait long for its last one.
HEARTBEAT = Config(read_timeout=2, connect_timeout=2, retries={"total_max_attempts": 1})
TASK_GONE_CODES = {"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"}
MAX_PAUSE_SECONDS = 30.0


def polling_client() -> "SFNClient":
    return boto3.client("stepfunctions", config=POLL)


def call_client() -> "SFNClient":
    return boto3.client("stepfunctions", config=CALL)


def heartbeat_client() -> "DynamoDBClient":
    return boto3.client("dynamodb", config=HEARTBEAT)


def error_code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def is_task_gone(error: Exception) -> bool:
    """Whether the state machine no longer waits for the task of this token."""
    return error_code(error) in TASK_GONE_CODES


def backoff_seconds(errors: int) -> float:
    """Seconds to wait after this many errors in a row: exponential backoff with jitter."""
    return min(MAX_PAUSE_SECONDS, 0.25 * 2.0 ** min(errors, 8)) * random.uniform(0.5, 1.0)  # noqa: S311
