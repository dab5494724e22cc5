"""Starts MiniStack, the emulator of AWS, and opens boto3 sessions to it."""

import os
import urllib.request
from pathlib import Path
from typing import Any
from urllib.error import URLError

from localstack_client.session import Session

from infra.local import processes, saved_state
from infra.local.stack_folder import StackFolder

REGION = "us-east-1"
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}  # MiniStack accepts any
START_TIMEOUT_SECONDS = 30.0


def endpoint(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def start(folder: StackFolder, port: int) -> None:
    """Starts MiniStack and waits until it is ready. Raises StackError."""
    saved_state.adapt_to_port(folder, port)
    processes.start(folder, "ministack", ["infra.local.ministack_server"], _server_environment(folder, port))
    processes.wait_until(folder, "ministack", lambda: is_ready(port), START_TIMEOUT_SECONDS)


def is_ready(port: int) -> bool:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(f"{endpoint(port)}/_ministack/health", timeout=2) as response:
            return bool(response.status == 200)
    except (URLError, OSError):
        return False


def session(url: str) -> Any:
    """A session whose clients all use `url`, whatever AWS_ENDPOINT_URL is in this process's environment."""
    before = os.environ.get("AWS_ENDPOINT_URL")
    os.environ["AWS_ENDPOINT_URL"] = url  # localstack-client prefers it to the host that it is given
    try:
        return Session("test", "test", None, REGION)  # type: ignore[no-untyped-call]
    finally:
        if before is None:
            del os.environ["AWS_ENDPOINT_URL"]
        else:
            os.environ["AWS_ENDPOINT_URL"] = before


def client_environment(url: str) -> dict[str, str]:
    """Environment variables for child processes that use the stack: those of this process, without its AWS account."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    outside = inherited.get("NO_PROXY") or inherited.get("no_proxy")
    no_proxy = ",".join(filter(None, ["127.0.0.1,localhost", outside]))
    return {
        **inherited,
        **CREDENTIALS,
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ENDPOINT_URL": url,
        "AWS_CONFIG_FILE": os.devnull,
        "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
        "AWS_EC2_METADATA_DISABLED": "true",
        "NO_PROXY": no_proxy,
        "no_proxy": no_proxy,
        "PYTHONUNBUFFERED": "1",
    }


def _server_environment(folder: StackFolder, port: int) -> dict[str, str]:
    return {
        **client_environment(endpoint(port)),
        "GATEWAY_PORT": str(port),
        "BIND_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "LOG_LEVEL": "WARNING",
        "POWERTOOLS_LOG_LEVEL": "INFO",  # after a function call that logs nothing, MiniStack waits 50 ms for a line
        "TMPDIR": str(folder.temporary),
        "PERSIST_STATE": "1",
        "STATE_DIR": str(folder.state),
        "S3_PERSIST": "1",
        "S3_DATA_DIR": str(folder.objects),
        "LAMBDA_EXECUTOR": "local",
        # When MiniStack ends, it removes every MiniStack container that it finds, so it must find no Docker.
        "DOCKER_HOST": f"unix://{Path(os.devnull)}/none",
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",  # these two would use ports of their own
    }
