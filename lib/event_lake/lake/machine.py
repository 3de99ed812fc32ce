"""The process that holds a lease, and the machine that it runs on."""

import os
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from getpass import getuser
from pathlib import Path


def _pid_space() -> str:
    # Name the boot and the container within which a process id belongs to one process; empty if that's unknown.
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)  # the process is there, and another user's
    return True


def _seconds() -> float:
    # time.monotonic() stands still while the machine is suspended, but a watcher on another machine counts on.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, kw_only=True)
class Machine:
    """The process and its machine, as a lease sees them; tests pass others.

    `pid_space` names where `pid` is unique: within one boot and one container. `clock` and `sleep` count in seconds.
    """

    host: str = field(default_factory=socket.gethostname)
    pid_space: str = field(default_factory=_pid_space)
    pid: int = field(default_factory=os.getpid)
    is_alive: Callable[[int], bool] = _is_alive
    clock: Callable[[], float] = _seconds
    sleep: Callable[[float], None] = time.sleep


def current_user() -> str:
    """Return the user of this process and the machine's host name, for people, like "alice on laptop"."""
    try:
        user = getuser()
    except (KeyError, OSError):  # a container's user may have no name
        user = f"user {os.getuid()}"
    return f"{user} on {socket.gethostname()}"
