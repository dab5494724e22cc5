"""`make bench`: every figure of docs/benchmarks.md, one after the other."""

import subprocess
import sys

BENCHES = (
    "bench_cold_start",
    "bench_latency",
    "bench_scale",
    "bench_media",
    "bench_transcribe",
    "bench_job",
    "bench_webhooks",
    "bench_progress",
)

for bench in BENCHES:
    print(f"── {bench}", flush=True)  # noqa: T201
    subprocess.run([sys.executable, "-m", f"tests.load.{bench}"], check=True, timeout=1800)
