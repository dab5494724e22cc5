"""The system calls that a decoder and an encoder may make, as a program for seccomp(2)."""

import errno
import functools
import importlib
import tempfile
from typing import Any

# Files that are open, and files below the folders that Landlock opens.
_FILES = (
    "read", "write", "readv", "writev", "pread64", "pwrite64", "preadv", "pwritev", "lseek", "close", "close_range",
    "fstat", "stat", "lstat", "newfstatat", "statx", "access", "faccessat", "faccessat2", "readlink",
    "readlinkat", "getdents64", "getcwd", "unlink", "unlinkat", "rename", "renameat", "renameat2", "ftruncate",
    "fsync", "fdatasync", "fadvise64", "dup", "dup2", "dup3", "poll", "ppoll", "select", "pselect6", "vmsplice",
)  # fmt: skip
_MEMORY = ("mmap", "mprotect", "munmap", "mremap", "madvise", "brk", "msync", "mincore", "membarrier")
_THREADS = (
    "futex", "futex_waitv", "set_robust_list", "get_robust_list", "set_tid_address", "rseq", "gettid", "sched_yield",
    "sched_getaffinity", "sched_getparam", "sched_getscheduler", "getpriority", "restart_syscall", "arch_prctl",
)  # fmt: skip
_SIGNALS = ("rt_sigaction", "rt_sigprocmask", "rt_sigreturn", "rt_sigtimedwait", "sigaltstack")
_FACTS = (
    "getpid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getpgrp", "getrusage", "getrlimit", "sysinfo",
    "uname", "times", "time", "gettimeofday", "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep",
    "getrandom", "exit", "exit_group",
)  # fmt: skip
_CLONE_THREAD, _PR_SET_NAME = 0x10000, 15
_NEW_NAMESPACES = 0x7E020000  # CLONE_NEW*, but for CLONE_NEWTIME, which clone(2) has no bit for
_UNNAMED_FILE = 0x400000  # the bit of O_TMPFILE that O_DIRECTORY lacks: such a file is in no folder that is measured
# F_DUPFD, F_GETFD, F_SETFD, F_GETFL, F_SETFL, F_DUPFD_CLOEXEC, F_GETPIPE_SZ. F_SETOWN and F_SETSIG would send signals
# to others.
_DESCRIPTOR_COMMANDS = (0, 1, 2, 3, 4, 1030, 1032)
_TERMINAL_QUERIES = (0x5401, 0x541B)  # TCGETS, FIONREAD


@functools.cache
def compiled(*, may_execute: bool) -> bytes | None:
    """A list of `struct sock_filter`. None where the system has no libseccomp.

    What is not allowed fails with ENOSYS, as in a kernel without that call, so that the C library takes another one
    where it knows one: of clone3, whose arguments a filter cannot see, clone. `may_execute` is for whoever replaces
    itself by a program; Landlock says by which.
    """
    try:
        seccomp = importlib.import_module("pyseccomp")
    except RuntimeError:  # it finds no libseccomp
        return None
    rules = seccomp.SyscallFilter(seccomp.ERRNO(errno.ENOSYS))
    names = (*_FILES, *_MEMORY, *_THREADS, *_SIGNALS, *_FACTS, *(("execve",) if may_execute else ()))
    for name in names:
        _allow(seccomp, rules, name)
    threads_alone = _CLONE_THREAD | _NEW_NAMESPACES
    _allow(seccomp, rules, "clone", seccomp.Arg(0, seccomp.MASKED_EQ, threads_alone, _CLONE_THREAD))
    _allow(seccomp, rules, "prctl", seccomp.Arg(0, seccomp.EQ, _PR_SET_NAME))
    # To read its own limits: whoever is root could raise them, and may not change those of its parent.
    _allow(seccomp, rules, "prlimit64", seccomp.Arg(0, seccomp.EQ, 0), seccomp.Arg(2, seccomp.EQ, 0))
    for name, flags in (("open", 1), ("openat", 2)):
        _allow(seccomp, rules, name, seccomp.Arg(flags, seccomp.MASKED_EQ, _UNNAMED_FILE, 0))
    for command in _DESCRIPTOR_COMMANDS:
        _allow(seccomp, rules, "fcntl", seccomp.Arg(1, seccomp.EQ, command))
    for query in _TERMINAL_QUERIES:
        _allow(seccomp, rules, "ioctl", seccomp.Arg(1, seccomp.EQ, query))
    with tempfile.TemporaryFile() as file:
        rules.export_bpf(file)
        file.seek(0)
        return file.read()


def _allow(seccomp: Any, rules: Any, name: str, *arguments: Any) -> None:
    """Allows a call. Newer architectures have no old ones such as open and stat."""
    if seccomp.resolve_syscall(seccomp.system_arch(), name) >= 0:
        rules.add_rule(seccomp.ALLOW, name, *arguments)
