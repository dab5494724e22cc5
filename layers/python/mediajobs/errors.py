"""What can go wrong with a job, by name."""


class JobError(Exception):
    """A job or one of its tasks cannot go on.

    `code` is a snake_case name that clients may rely on; `message` says what is wrong and what to do about it.
    """

    def __init__(self, code: str, message: str, *, retryable: bool = False, task: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retryable = retryable
        self.task = task


class Stopped(Exception):
    """The job was cancelled or this attempt is over: stop at once and leave nothing behind."""


class NotFound(Exception):
    """There is no such thing."""


class Conflict(Exception):
    """The job is in a status that does not allow this, or somebody else was quicker."""
