"""`python -m statemachine.worker --activity ARN` runs the tasks on this machine, in place of Batch."""

import argparse
import signal
import sys
from pathlib import Path

from botocore.exceptions import BotoCoreError, ClientError

from statemachine import process_control
from statemachine.worker.claims import ClaimsInUse
from statemachine.worker.worker import Worker


def main() -> int:
    process_control.forbid_inspection()
    process_control.adopt_orphans()
    arguments = _parser().parse_args()
    try:
        worker = Worker(
            arguments.activity, arguments.claims, concurrency=arguments.concurrency, module=arguments.module
        )
        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, lambda *_: worker.stop())
        worker.run()
    except (ClaimsInUse, BotoCoreError, ClientError) as error:
        sys.stderr.write(f"worker: {error}\n")
        return 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m statemachine.worker", description=__doc__)
    parser.add_argument("--activity", required=True, metavar="ARN", help="the Step Functions activity to serve")
    parser.add_argument("--concurrency", type=_count, default=1, metavar="N", help="tasks of each kind at a time")
    parser.add_argument(
        "--claims", type=Path, default=Path(".local/worker/claims"), help="folder that records the tasks taken"
    )
    parser.add_argument(
        "--module", default="statemachine.tasks.launcher", help="Python module that runs a task's command"
    )
    return parser


def _count(text: str) -> int:
    if (count := int(text)) < 1:
        raise ValueError(text)
    return count


if __name__ == "__main__":
    sys.exit(main())
