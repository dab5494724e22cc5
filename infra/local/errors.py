"""What goes wrong with a local stack, each with its cure in one line."""


class StackError(Exception):
    """The message says what is wrong and what helps."""
