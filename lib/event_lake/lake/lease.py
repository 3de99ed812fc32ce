"""One writer per table: a lease, held by a record in the lake that the lake's own storage arbitrates.

The owner rewrites its record three times in the lease's length. Who finds the record of another watches it. If it
changes, its owner lives, and the watcher is refused. If it stays the same for the length and a quarter, the watcher
replaces it, on condition that it's still the same. An owner relies on its lease for the length, counted from before
its last write began. So two never rely on it at once, unless one's clock runs a quarter faster than the other's; their
times are never compared. The quarter is also for a commit that has just been let pass: no lease can call it back.
"""

import json
import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from datetime import UTC, datetime
from pathlib import Path

from event_lake.errors import EventLakeError, ServiceUnavailableError, UserError
from event_lake.lake.lease_stores import LeaseStore

_log = logging.getLogger(__name__)

_PATIENCE = 1.25
# In a lease's length: writes by its owner, writes again after one that failed, looks by who watches.
_RENEWALS, _RETRIES, _LOOKS = 3, 30, 20
_ATTEMPTS = 3


def _pid_space() -> str:
    # Where a process id means what it means here: this boot of the machine, this container. Empty if nothing tells.
    try:
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return ""


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError as error:
        return isinstance(error, PermissionError)  # another user's
    return True


def _seconds() -> float:
    # time.monotonic() stands still while the machine is suspended; a watcher's may go on.
    return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What a lease sees of its process and the machine; `clock` and `sleep` in seconds."""

    host: str = field(default_factory=socket.gethostname)
    pid_space: str = field(default_factory=_pid_space)
    pid: int = field(default_factory=os.getpid)
    is_alive: Callable[[int], bool] = _is_alive
    clock: Callable[[], float] = _seconds
    sleep: Callable[[float], None] = time.sleep


@dataclass(frozen=True, kw_only=True)
class _Record:
    # The times are for people. `renewals` makes each content another; `released`: its owner has ended and says so.
    job: str
    host: str
    pid_space: str
    pid: int
    owner: str
    acquired_at: str
    length_seconds: float
    renewed_at: str = ""
    renewals: int = 0
    released: bool = False

    def __str__(self) -> str:
        return f"{self.job} on host {self.host}, pid {self.pid}, since {self.acquired_at}"


def _parsed(content: bytes) -> _Record | None:
    # None of what is no record; a later version's may hold more than ours.
    try:
        told = json.loads(content)
        return _Record(**{known.name: told[known.name] for known in fields(_Record)})
    except (ValueError, TypeError, KeyError):
        return None


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


class Lease:
    """The right to write the tables that the lease of `store` stands for; `held` makes, renews and releases one.

    One thread may renew it while another checks it.
    """

    def __init__(
        self, store: LeaseStore, job: str, *, length_seconds: float = 60.0, machine: Machine | None = None
    ) -> None:
        self.length_seconds = length_seconds
        self.over: str | None = None  # why it's ours no more
        self._store = store
        self._lake = f"lake {store.lake}"
        self._machine = me = machine or Machine()
        self._record = _Record(
            job=job,
            host=me.host,
            pid_space=me.pid_space,
            pid=me.pid,
            owner=uuid.uuid4().hex,
            acquired_at=_now(),
            length_seconds=length_seconds,
        )
        self._version = ""
        self._sure_until = float("-inf")
        self._lock = threading.Lock()

    def acquire(self, *, wait: bool = False) -> None:
        """Take the lease. Where its owner may be dead, this waits for 1.25 of the length that the owner gave it.

        Where the owner lives, raises UserError, or waits for its end. Raises what the store raises.
        """
        told = None
        while owner := self._owner_unless_taken(logging.DEBUG if told else logging.INFO):
            if not wait:
                raise UserError(f"{self._lake}: {owner} writes it; stop that, or choose another lake.root")
            if owner != told:
                told = owner
                _log.info("%s: waiting for the end of %s", self._lake, owner)

    def _owner_unless_taken(self, level: int) -> str | None:
        """None once the lease is taken; or who has it, and lives."""
        version, owner = self._look()
        first, since = version, self._machine.clock()
        patience = _PATIENCE * (owner.length_seconds if owner else self.length_seconds)
        if version is not None and not self._is_free(owner):
            watched = owner or "its lease"
            _log.log(level, "%s: watching for %d s at most if this lives: %s", self._lake, patience, watched)
        while True:
            outwatched = version == first and self._machine.clock() - since > patience
            if version is None or self._is_free(owner) or outwatched:
                if self._wrote_over(version):
                    return None
            elif version == first:
                self._machine.sleep(self.length_seconds / _LOOKS)
            else:
                return str(owner or "somebody")
            version, owner = self._look()

    def renew(self) -> None:
        """Write the record again. Raises what the store raises: then it may be ours still or not."""
        with self._lock:
            self._refuse_if_over()
            self._rewrite()

    def check(self) -> None:
        """Return if nobody else can have the lease; call it right before each append.

        Asks the storage only if the last renewal is a length ago, as after a standstill of this process: one that still
        succeeds then proves that nobody had the lease meanwhile. Raises UserError if it was lost, and what the store
        raises if that can't be known.
        """
        self._refuse_if_over()
        if self._machine.clock() < self._sure_until:
            return
        self.renew()
        if self._machine.clock() >= self._sure_until:
            raise ServiceUnavailableError(
                f"{self._lake}: to renew its lease took longer than the {self.length_seconds:g} s that it's good for"
            )

    def release(self) -> None:
        """Leave the lease to the next at once. Raises what the store raises: then the next has to watch."""
        with self._lock:
            if self.over is None:
                self.over = f"{self._lake}: its lease was released"
                self._record = replace(self._record, released=True)
                self._rewrite()

    def _refuse_if_over(self) -> None:
        if self.over is not None:
            raise UserError(self.over)

    def _look(self) -> tuple[str | None, _Record | None]:
        content, version = self._store.read() or (b"", None)
        return version, _parsed(content)

    def _is_free(self, owner: _Record | None) -> bool:
        if owner is None:
            return False
        is_ours = owner.owner == self._record.owner  # the answer to an earlier write was lost
        me = self._machine
        is_dead = me.pid_space != "" and owner.pid_space == me.pid_space and not me.is_alive(owner.pid)
        return owner.released or is_ours or is_dead

    def _rewrite(self) -> None:
        for _ in range(_ATTEMPTS):
            if self._wrote_over(self._version):
                return
            version, owner = self._look()
            if version is None or owner is None or owner.owner != self._record.owner:
                self.over = (
                    f"{self._lake}: its lease was lost to {owner or 'somebody'}; only one may write it: stop the other"
                )
                raise UserError(self.over)
            self._version = version  # the answer to an earlier write was lost
        raise ServiceUnavailableError(f"{self._lake}: its lease changed {_ATTEMPTS} times while it was renewed")

    def _wrote_over(self, version: str | None) -> bool:
        self._record = replace(self._record, renewals=self._record.renewals + 1, renewed_at=_now())
        content = json.dumps(asdict(self._record), indent=1).encode()
        begun = self._machine.clock()
        written = self._store.create(content) if version is None else self._store.replace(version, content)
        if written is not None:
            self._version, self._sure_until = written, begun + self.length_seconds
        return written is not None


@contextmanager
def hold_lease(
    store: LeaseStore,
    *,
    job: str,
    wait: bool = False,
    length_seconds: float = 60.0,
    machine: Machine | None = None,
) -> Iterator[Lease]:
    """Acquire a lease, renew it in the background, and release it at the end; `check` it in between.

    `job` names the owner to people, `wait` is for `Lease.acquire`. Raises what that raises. A release that fails is
    only logged.
    """
    lease = Lease(store, job, length_seconds=length_seconds, machine=machine)
    lease.acquire(wait=wait)
    ended = threading.Event()
    renewing = threading.Thread(target=_keep, args=(lease, ended), name="lease", daemon=True)
    renewing.start()
    try:
        yield lease
    finally:
        ended.set()
        renewing.join()
        try:
            lease.release()
        except EventLakeError as error:
            _log.warning("the lease wasn't released, the next job will watch it first: %s", error)


def _keep(lease: Lease, ended: threading.Event) -> None:
    times = _RENEWALS
    while lease.over is None and not ended.wait(lease.length_seconds / times):
        try:
            lease.renew()
            times = _RENEWALS
        except EventLakeError as error:
            times = _RETRIES
            _log.warning("the lease wasn't renewed: %s", error)
