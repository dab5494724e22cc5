"""The exceptions that several packages share. The API turns them into problem documents."""


class JobError(Exception):
    """A job or one of its tasks failed.

    `code` is a snake_case name that clients may rely on. `message` says what is wrong and what to do about it.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False, task: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.task = task


class Stopped(Exception):
    """The job was cancelled or this attempt is over: stop at once and delete what was stored."""


class NotFound(Exception):
    """What was asked for does not exist.

    `kind` says what it would be ("job", "webhook", "delivery", "export", "key", ...), `identifier` which one.
    `message` is a sentence for clients; by default "There is no KIND IDENTIFIER."
    """

    def __init__(self, kind: str, identifier: str, message: str | None = None) -> None:
        super().__init__(message or f"There is no {kind} {identifier}.")
        self.kind = kind
        self.identifier = identifier


class Conflict(Exception):
    """The present state does not allow this. A retry does not help."""


class Contention(Exception):
    """Others kept changing the same items, so that nothing was written. A retry helps."""

    def __init__(self) -> None:
        super().__init__("This is changed by too many at once. Nothing was changed; try again in a few seconds.")


class RetryRefused(Conflict):
    """This job cannot be retried. `reason` is a snake_case name that clients may rely on."""

    def __init__(self, reason: str, message: str) -> None:
        super().__init__(message)
        self.reason = reason


class QuotaExceeded(Conflict):
    """A quota of the account does not allow this.

    `policy` is the name of the quota. `retry_after` is in seconds, None where waiting does not help.
    """

    def __init__(self, message: str, *, policy: str, retry_after: int | None) -> None:
        super().__init__(message)
        self.policy = policy
        self.retry_after = retry_after


def minutes_quota_exceeded(limit: int, month: str, *, retry_after: int) -> QuotaExceeded:
    """Returns the error of an account whose `limit` minutes of a month, such as `2026-11`, do not allow more."""
    return QuotaExceeded(
        f"The {limit} minutes of media that this account may have processed in {month} are used up, or do not suffice "
        "for this source. Go on next month, or ask for more.",
        policy="minutes-per-month",
        retry_after=retry_after,
    )


_CONCURRENCY_RETRY_SECONDS = 30


def concurrency_quota_exceeded(limit: int) -> QuotaExceeded:
    """Returns the error of an account that has `limit` unfinished jobs already."""
    return QuotaExceeded(
        f"This account may have {limit} jobs that are not finished. Wait until one ends, or cancel one: "
        "those that wait for their upload count, too.",
        policy="concurrent-jobs",
        retry_after=_CONCURRENCY_RETRY_SECONDS,
    )
