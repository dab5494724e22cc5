"""Prints the API's documents as JSON, one a line, for programs that read the output."""

import json
import sys
from typing import Any, Self

from infra.cli.api.documents import Job


class JsonLines:
    """Prints every state of the job as the API's document, and nothing else."""

    def say(self, text: str) -> None:
        pass

    def begin_transfer(self, label: str, total: int | None) -> None:
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
