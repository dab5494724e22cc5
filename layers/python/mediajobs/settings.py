"""What the stores read from the environment, when it is first needed."""

import os


def setting(variable: str) -> str:
    return os.environ[variable]
