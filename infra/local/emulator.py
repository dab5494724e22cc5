"""Starts MiniStack and opens sessions to it."""

import os
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import URLError

from localstack_client.session import Session

from infra.local import processes, restart
from infra.local.home import Home

REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # MiniStack accepts any
START_SECONDS = 30.0


def endpoint(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def start(home: Home, port: int) -> None:
    """Waits until it answers."""
    restart.prepare(home, port)
    processes.start(home, "ministack", ["infra.local.server"], _environment(home, port))
    processes.wait_until(home, "ministack", lambda: answers(port), START_SECONDS)


def answers(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{endpoint(port)}/_ministack/health", timeout=2) as answer:
            return bool(answer.status == 200)
    except (URLError, OSError):
        return False


def session(url: str) -> Any:
    """A session whose clients all talk to `url`, whatever AWS_ENDPOINT_URL this shell has."""
    outside = os.environ.get("AWS_ENDPOINT_URL")
    os.environ["AWS_ENDPOINT_URL"] = url  # localstack-client puts it before the host that it is given
    try:
        return Session("test", "test", None, REGION)  # type: ignore[no-untyped-call]
    finally:
        if outside is None:
            del os.environ["AWS_ENDPOINT_URL"]
        else:
            os.environ["AWS_ENDPOINT_URL"] = outside


def client_environment(url: str) -> dict[str, str]:
    """For child processes that talk to the stack: this shell's, without its real AWS account."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    direct = ",".join(filter(None, ["127.0.0.1,localhost", kept.get("NO_PROXY") or kept.get("no_proxy")]))
    return {
        **kept,
        **CREDENTIALS,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": direct,
        "no_proxy": direct,
        "PYTHONUNBUFFERED": "1",
    }


def _environment(home: Home, port: int) -> dict[str, str]:
    return {
        **client_environment(endpoint(port)),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "LOG_LEVEL": "WARNING",
        "POWERTOOLS_LOG_LEVEL": "INFO",  # the functions' own; one that says nothing is listened to for 50 ms a call
        "TMPDIR": str(home.temporary),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(home.state),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(home.objects),
        "LAMBDA_EXECUTOR": "local",
        "DOCKER_HOST": f"unix://{Path(os.devnull)}/none",  # at its end it removes every MiniStack container it finds
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",  # these two would take ports of their own
    }
