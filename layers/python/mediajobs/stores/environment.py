"""What the stores read from the environment, when it is first needed."""

import os


def setting(variable: str) -> str:
    return os.environ[variable]


class FromEnvironment:
    """A class attribute whose value is an environment variable: a table's name, read at use and not at import."""

    def __init__(self, variable: str) -> None:
        self.variable = variable

    def __get__(self, instance: object, owner: type) -> str:
        return setting(self.variable)
