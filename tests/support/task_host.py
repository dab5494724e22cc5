"""A host of tasks, in a network namespace: `python -m tests.support.task_host BOOTHOOK TASK_UID`, as root.

Prints as JSON, for each user by id, which of the listeners it reaches.
"""

import contextlib
import encodings.idna  # noqa: F401 - sockets load it, and a child without rights could not
import json
import os
import socket
import subprocess
import sys

from tests.support.waiting import HANG_SECONDS

# Addresses that a host has on AWS, and what listens there: whether a task may connect.
LISTENERS = {
    ("169.254.169.254", 80): False,  # metadata service
    ("fd00:ec2::254", 80): False,
    ("169.254.170.23", 80): False,
    ("127.0.0.1", 51678): False,  # the ECS agent's introspection
    ("10.64.0.9", 51678): False,  # the same, by the host's own address
    ("::1", 51678): False,
    ("127.0.0.1", 51680): False,
    ("127.0.0.1", 22): False,
    ("10.64.0.9", 2375): False,
    ("169.254.170.2", 80): True,  # credentials of the container
    ("127.0.0.1", 51679): True,  # where the host redirects that
    ("127.0.0.53", 53): True,  # DNS
    ("127.0.0.1", 40123): True,  # what a task opens for its children
}


def main(boothook: str, task_uid: int) -> None:
    """Sets up addresses, firewall and listeners in this network namespace, and tries them as root and as a task."""
    run("ip", "link", "set", "lo", "up")
    for address in sorted({address for address, _ in LISTENERS} - {"127.0.0.1", "::1", "127.0.0.53"}):
        run("ip", "address", "add", address, "dev", "lo", *(["nodad"] if ":" in address else []))
    for _ in range(2):  # as at a second boot
        run("bash", boothook)
    with contextlib.ExitStack() as listeners:
        for address, port in LISTENERS:
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            listeners.enter_context(socket.create_server((address, port), family=family))
        sys.stdout.write(json.dumps({uid: reached_by(uid) for uid in (0, task_uid)}))


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def reached_by(uid: int) -> dict[str, bool]:
    """Tried by a child process with this user id."""
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.setresgid(uid, uid, uid)
        os.setresuid(uid, uid, uid)
        found = {f"{address} {port}": connects(address, port) for address, port in LISTENERS}
        os.write(writing, json.dumps(found).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as pipe:
        answer: dict[str, bool] = json.load(pipe)
    return answer


def connects(address: str, port: int) -> bool:
    try:
        socket.create_connection((address, port), timeout=HANG_SECONDS).close()
    except ConnectionRefusedError:
        return False
    return True


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
