"""The error of every operation on a local stack."""


class StackError(Exception):
    """The message says in one line what is wrong and how to fix it."""
