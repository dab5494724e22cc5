"""AWS as the worker speaks to it."""

import random
from typing import TYPE_CHECKING

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_stepfunctions import SFNClient

# A poll is answered after 60 s at the latest. It is never repeated unseen: the first answer may have carried a task.
POLL = Config(read_timeout=70, connect_timeout=5, retries={"total_max_attempts": 1})
CALL = Config(read_timeout=10, connect_timeout=5, retries={"mode": "standard", "total_max_attempts": 2})
# The next sign of life comes soon; a worker that stops does not wait long for its last one.
SIGN = Config(read_timeout=2, connect_timeout=2, retries={"total_max_attempts": 1})
NOT_OURS = {"TaskDoesNotExist", "TaskTimedOut", "InvalidToken"}
LONGEST_PAUSE = 30.0


def for_polls() -> "SFNClient":
    return boto3.client("stepfunctions", config=POLL)


def for_calls() -> "SFNClient":
    return boto3.client("stepfunctions", config=CALL)


def for_signs() -> "DynamoDBClient":
    return boto3.client("dynamodb", config=SIGN)


def code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def is_lost(error: Exception) -> bool:
    """The state machine no longer waits for the task of this token."""
    return code(error) in NOT_OURS


def pause(times: int) -> float:
    """Seconds to wait after so many errors in a row: doubled each time, with jitter."""
    return min(LONGEST_PAUSE, 0.25 * 2.0 ** min(times, 8)) * random.uniform(0.5, 1.0)  # noqa: S311
