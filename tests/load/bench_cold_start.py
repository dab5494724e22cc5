"""Cold start of the API function against the bare sum of its parts: `python -m tests.load.bench_cold_start [rounds]`.

Fresh processes in turn, so that a busy machine is busy for all. Ours: what Lambda does before the first request, the
import of app.py, which makes the DynamoDB client too. The parts: the libraries that it stands on and one DynamoDB
client, nothing of our own. CPU is user and system time of the process, without the start of Python. Target: at most
1.2 times.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from statistics import median

ROOT = Path(__file__).parents[2]
ROUNDS = 40

_PARTS = """
from chalice.app import Chalice
from aws_lambda_powertools import Logger, Metrics
from pydantic import BaseModel

class Document(BaseModel):
    name: str
    size: int = 0

app, logger, metrics = Chalice(app_name="api"), Logger(), Metrics()
"""
WAYS = {
    "ours": "import app",
    "parts, pynamodb's client": f"{_PARTS}\nfrom pynamodb.connection import Connection\nConnection().client",
    "parts, boto3's client": f"{_PARTS}\nimport boto3\nboto3.client('dynamodb')",
}
_ENVIRONMENT = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "POWERTOOLS_SERVICE_NAME": "mediajobs",
    "POWERTOOLS_METRICS_NAMESPACE": "mediajobs",
}
_MEASURED = """
import json, sys, time
cpu, wall = time.process_time(), time.perf_counter()
exec(sys.argv[1])
print(json.dumps([1000 * (time.process_time() - cpu), 1000 * (time.perf_counter() - wall)]))
"""

Cost = tuple[float, float]  # CPU and wall, ms


def main(rounds: int) -> None:
    costs: dict[str, list[Cost]] = {name: [] for name in WAYS}
    for _ in range(rounds):
        for name, code in WAYS.items():
            costs[name].append(start(code))
    print(f"{rounds} rounds; ms   CPU median  least   wall median  least")  # noqa: T201
    for name, measured in costs.items():
        cpu, wall = zip(*measured, strict=True)
        print(f"{name:26}{median(cpu):6.0f}{min(cpu):7.0f}{median(wall):13.0f}{min(wall):7.0f}")  # noqa: T201
    for name in WAYS:
        ratios = [ratio(costs["ours"], costs[name], which) for which in (median, min)]
        print(f"ours / {name}: CPU {ratios[0]:.2f} by median, {ratios[1]:.2f} by least")  # noqa: T201


def start(code: str) -> Cost:
    """A new process, as Lambda makes it: the function's folder and the layer on its path."""
    path = os.pathsep.join([str(ROOT / "functions" / "api"), str(ROOT / "layers" / "python")])
    environment = os.environ | _ENVIRONMENT | {"PYTHONPATH": path}
    command = [sys.executable, "-c", _MEASURED, code]
    cpu, wall = json.loads(subprocess.check_output(command, env=environment, timeout=60))
    return cpu, wall


def ratio(ours: list[Cost], other: list[Cost], which: Callable[[list[float]], float]) -> float:
    return which([cpu for cpu, _ in ours]) / which([cpu for cpu, _ in other])


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else ROUNDS)
