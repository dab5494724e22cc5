"""A program that a hostile source has taken over. It tries everything, and prints what it reached, a line each.

It runs in ffmpeg's place, or inside a decoder. A new attack is a function below `ATTACKS`; it returns what it reached,
or None. It gets the targets that the test has prepared, by name: `secret_file`, `secret_value`, `victim` (a process
id), `folder` (its own), `port` (of a local server), `socket` (a path), `abstract` (an abstract socket's name).
"""

import ctypes
import errno
import fcntl
import json
import mmap
import os
import resource
import signal
import socket
import struct
import sys
from collections.abc import Callable, Iterator
from typing import Any

Targets = dict[str, Any]
Attack = Callable[[Targets], object]
ATTACKS: list[Attack] = []
LIBC = ctypes.CDLL(None, use_errno=True)


def attack(function: Attack) -> Attack:
    ATTACKS.append(function)
    return function


def read(path: str) -> bytes:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        return os.read(descriptor, 1 << 16)
    finally:
        os.close(descriptor)


def system_call(number: int, *arguments: Any) -> int | None:
    """What the call returned; None where it failed. Numbers of x86-64 and, from 424 on, of every architecture."""
    result = LIBC.syscall(ctypes.c_long(number), *arguments)
    return None if result < 0 else int(result)


@attack
def environment_of_the_task(targets: Targets) -> object:
    return read(f"/proc/{targets['victim']}/environ")


@attack
def environment_of_the_parent(_targets: Targets) -> object:
    return read(f"/proc/{os.getppid()}/environ")


@attack
def memory_of_the_task(targets: Targets) -> object:
    return os.open(f"/proc/{targets['victim']}/mem", os.O_RDONLY)


@attack
def memory_map_of_the_task(targets: Targets) -> object:
    return read(f"/proc/{targets['victim']}/maps")


@attack
def descriptors_of_the_task(targets: Targets) -> object:
    return os.listdir(f"/proc/{targets['victim']}/fd")


@attack
def memory_by_process_vm_readv(targets: Targets) -> object:
    piece = (ctypes.c_void_p * 2)(0x1000, 16)
    count = LIBC.process_vm_readv(targets["victim"], ctypes.byref(piece), 1, ctypes.byref(piece), 1, 0)
    return "allowed" if count >= 0 or ctypes.get_errno() == errno.EFAULT else None


@attack
def attach_with_ptrace(targets: Targets) -> object:
    return "attached" if LIBC.ptrace(16, targets["victim"], 0, 0) == 0 else None


@attack
def open_by_process_descriptor(targets: Targets) -> object:
    descriptor = system_call(434, targets["victim"], 0)  # pidfd_open
    return descriptor if descriptor is None else system_call(438, descriptor, 0, 0)  # pidfd_getfd


@attack
def signal_to_the_task(targets: Targets) -> object:
    os.kill(targets["victim"], 0)
    return "signalled"


@attack
def limits_of_the_task(targets: Targets) -> object:
    return resource.prlimit(targets["victim"], resource.RLIMIT_CPU)


@attack
def scratch_of_another_job(targets: Targets) -> object:
    return read(targets["secret_file"])


@attack
def list_of_all_jobs(targets: Targets) -> object:
    return os.listdir(os.path.dirname(targets["folder"]))


@attack
def users_of_the_system(_targets: Targets) -> object:
    return read("/etc/passwd")


@attack
def own_environment(_targets: Targets) -> object:
    return read("/proc/self/environ")


@attack
def root_of_the_file_system(_targets: Targets) -> object:
    return os.listdir("/")


@attack
def file_elsewhere(targets: Targets) -> object:
    path = os.path.dirname(targets["folder"]) + "/dropped"
    return os.open(path, os.O_WRONLY | os.O_CREAT)


@attack
def symbolic_link(targets: Targets) -> object:
    os.symlink("/proc/self/environ", f"{targets['folder']}/audio.mp3")
    return "linked"


@attack
def hard_link(targets: Targets) -> object:
    os.link(targets["secret_file"], f"{targets['folder']}/linked")
    return "linked"


@attack
def named_pipe(targets: Targets) -> object:
    os.mkfifo(f"{targets['folder']}/fifo")
    return "made"


@attack
def device(targets: Targets) -> object:
    os.mknod(f"{targets['folder']}/null", 0o600 | 0x2000, os.makedev(1, 3))
    return "made"


@attack
def changed_mode(targets: Targets) -> object:
    os.chmod(targets["folder"], 0o777)
    return "changed"


@attack
def connection_to_a_local_service(targets: Targets) -> object:
    with socket.create_connection(("127.0.0.1", targets["port"]), timeout=5) as connection:
        return connection.recv(100)


@attack
def metadata_service(_targets: Targets) -> object:
    with socket.socket() as connection:
        connection.setblocking(False)  # noqa: FBT003
        return connection.connect_ex(("169.254.169.254", 80)) in {0, errno.EINPROGRESS} or None


@attack
def datagrams(targets: Targets) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"hello", ("127.0.0.1", targets["port"]))


@attack
def listening_socket(_targets: Targets) -> object:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        return "listens"


@attack
def unix_socket(targets: Targets) -> object:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(targets["socket"])
        return "connected"


@attack
def abstract_unix_socket(targets: Targets) -> object:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect("\0" + targets["abstract"])
        return "connected"


@attack
def netlink_socket(_targets: Targets) -> object:
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW):
        return "opened"


@attack
def raw_socket(_targets: Targets) -> object:
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP):
        return "opened"


@attack
def child_process(_targets: Targets) -> object:
    process = os.fork()
    if process == 0:
        os._exit(0)
    return "forked"


@attack
def daemon(_targets: Targets) -> object:
    """Forks twice and changes its session, so that a kill of the group does not find it."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.pause()
        os._exit(0)
    return "left a daemon"


@attack
def child_by_clone3(_targets: Targets) -> object:
    arguments = struct.pack("QQQQQQQQ", 0, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    process = system_call(435, arguments, len(arguments))
    if process == 0:
        os._exit(0)
    return process


@attack
def own_session(_targets: Targets) -> object:
    os.setsid()
    return "left the session"


@attack
def another_program(_targets: Targets) -> object:
    """Would end this one, so it only asks: an empty path is refused after the filter."""
    os.execve("", ["x"], {})
    return None


@attack
def program_in_memory(_targets: Targets) -> object:
    return os.memfd_create("program")


@attack
def user_namespace(_targets: Targets) -> object:
    return "made" if LIBC.unshare(0x10000000) == 0 else None


@attack
def kernel_interfaces(_targets: Targets) -> object:
    """io_uring_setup, bpf, perf_event_open, userfaultfd, keyctl, add_key, mount, and what takes file handles."""
    numbers = {425: "io_uring", 321: "bpf", 298: "perf", 323: "userfaultfd", 250: "keyctl", 165: "mount", 304: "handle"}
    reached = []
    for number, name in numbers.items():
        ctypes.set_errno(0)
        if system_call(number, 0, 0, 0, 0, 0) is not None or ctypes.get_errno() != errno.ENOSYS:
            reached.append(name)
    return reached or None


@attack
def new_limits(_targets: Targets) -> object:
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (soft, hard + (1 << 40)))
    return "raised"


@attack
def memory_beyond_the_limit(_targets: Targets) -> object:
    with mmap.mmap(-1, 16 << 30):
        return "16 GiB"


@attack
def core_dump(_targets: Targets) -> object:
    return resource.getrlimit(resource.RLIMIT_CORE) != (0, 0) or None


@attack
def characters_into_the_terminal(_targets: Targets) -> object:
    fcntl.ioctl(0, 0x5412, b"x")  # TIOCSTI
    return "typed"


@attack
def deleted_file_that_fills_the_disk(targets: Targets) -> object:
    path = f"{targets['folder']}/hidden"
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT))
    os.unlink(path)
    return "unlinked"


@attack
def nameless_file_that_fills_the_disk(targets: Targets) -> object:
    return os.open(targets["folder"], os.O_TMPFILE | os.O_RDWR, 0o600)


@attack
def space_beyond_the_limit_of_a_file(targets: Targets) -> object:
    """fallocate with FALLOC_FL_KEEP_SIZE, which minds no limit and fills a disk at once."""
    descriptor = os.open(f"{targets['folder']}/hidden", os.O_WRONLY | os.O_CREAT)
    result = LIBC.fallocate(descriptor, 1, ctypes.c_long(0), ctypes.c_long(16 << 20))
    return "allocated" if result == 0 else None


@attack
def larger_files(_targets: Targets) -> object:
    """Root may raise its own limits."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    return "raised"


@attack
def signal_by_a_descriptor(targets: Targets) -> object:
    """The kernel sends the owner of a descriptor a signal of choice when it can be read or written."""
    fcntl.fcntl(2, 10, signal.SIGURG)  # F_SETSIG
    fcntl.fcntl(2, fcntl.F_SETOWN, targets["victim"])
    return "owned by the task"


@attack
def notices_of_changes(targets: Targets) -> object:
    descriptor = os.open(targets["folder"], os.O_RDONLY)
    try:
        fcntl.fcntl(descriptor, fcntl.F_NOTIFY, fcntl.DN_CREATE)
    finally:
        os.close(descriptor)
    return "noticed"


@attack
def descriptors_of_the_task_that_stayed_open(_targets: Targets) -> object:
    """What is open beyond /dev/null (0 and 1) and pipes is somebody else's, or left by an attack that got through."""
    import stat

    strangers = []
    for descriptor in range(2, 1024):
        try:
            mode = os.fstat(descriptor).st_mode
        except OSError:
            continue
        if not (stat.S_ISFIFO(mode) or stat.S_ISREG(mode)):
            strangers.append(descriptor)
    return strangers or None


def reached(targets: Targets) -> Iterator[str]:
    """What each attack has reached: its name and what came of it."""
    for function in ATTACKS:
        try:
            found = function(targets)
        except (OSError, ValueError, MemoryError):
            continue
        if found is not None:
            yield f"{function.__name__}: {found!r}"[:200]


def main(targets: Targets, report: int) -> None:
    """Writes a line for each attack that reached anything, and a last one, into the descriptor `report`."""
    for line in reached(targets):
        os.write(report, f"{line}\n".encode())
    os.write(report, f"tried {len(ATTACKS)}\n".encode())


if __name__ == "__main__":
    main(json.loads(sys.argv[1]), int(sys.argv[2]))
