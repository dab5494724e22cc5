"""Documents of the API as JSON, one a line, for a program that reads the output."""

import json
import sys
from typing import Any, Self

from infra.cli.api.documents import Job


class JsonLines:
    """Every state of the job as the API gave it, one JSON document a line, and nothing else."""

    def say(self, text: str) -> None:
        pass

    def begin(self, what: str, total: int | None) -> None:
        pass

    def advance(self, count: int) -> None:
        pass

    def show(self, job: Job) -> None:
        print_document(job.document)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        pass


def print_document(document: dict[str, Any]) -> None:
    sys.stdout.write(json.dumps(document, ensure_ascii=False) + "\n")
    sys.stdout.flush()
