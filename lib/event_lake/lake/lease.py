"""Hold a lease: the right of one process to write some tables, which a record in the lake stands for.

The owner rewrites its record three times within the lease's length. A process that finds another one's record watches
it. If its owner writes it, the owner lives, and the watcher is refused. If the owner doesn't for 1.25 of the length,
the watcher replaces it, on the condition that it's still the same: the lake's storage decides who comes first. An owner
relies on its lease for the length, counted from before its last write began. So two processes never rely on it at once,
unless the clock of one runs a quarter faster than that of the other; the times of two machines are never compared. The
quarter also leaves time for a commit that passed the check just before the lease ran out: no lease can call it back.
"""

import logging
import threading
import uuid
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from event_lake.errors import EventLakeError, ServiceUnavailableError, UserError
from event_lake.lake.lease_record import LOOKS, PATIENCE, LeaseRecord, now_text, parse_record
from event_lake.lake.lease_stores import LeaseStore
from event_lake.lake.machine import Machine

_log = logging.getLogger(__name__)

# Per length of the lease: `_RENEWALS` writes by the owner; `_RETRIES` writes instead while they fail.
_RENEWALS, _RETRIES = 3, 30
_ATTEMPTS = 3


class Lease:
    """One process's hold on the lease in `store`. `hold_lease` acquires, renews and releases one around a block.

    One thread may renew it while another checks it. `over` says why this process hasn't got the lease any more, and is
    None until then.
    """

    def __init__(
        self, store: LeaseStore, job: str, *, length_seconds: float = 60.0, machine: Machine | None = None
    ) -> None:
        self.length_seconds = length_seconds
        self.over: str | None = None
        self._store = store
        self._lake = f"lake {store.lake}"
        self._machine = me = machine or Machine()
        self._record = LeaseRecord(
            job=job,
            host=me.host,
            pid_space=me.pid_space,
            pid=me.pid,
            owner=uuid.uuid4().hex,
            acquired_at=now_text(),
            length_seconds=length_seconds,
        )
        self._version = ""
        self._sure_until = float("-inf")
        self._lock = threading.Lock()

    @property
    def stop_asked_by(self) -> str:
        """Who asked this process to stop, and when; empty if nobody did, as far as the last renewal knows."""
        return self._record.stop_asked_by

    def acquire(self, *, wait: bool = False) -> None:
        """Take the lease, at once if nobody has it or its owner is known to have ended.

        Otherwise watch the record for up to 1.25 of the length that its owner gave it, and take the lease if the owner
        doesn't write it. If it does, it lives: wait for its end if `wait`, and else raise UserError. Raise what the
        store raises.
        """
        logged_owner = None
        while owner := self._take_or_name_owner(logging.DEBUG if logged_owner else logging.INFO):
            if not wait:
                raise UserError(f"{self._lake}: {owner} writes it; stop that, or choose another lake.root")
            if owner != logged_owner:
                logged_owner = owner
                _log.info("%s: waiting for the end of %s", self._lake, owner)

    def _take_or_name_owner(self, level: int) -> str | None:
        """Take the lease and return None, or return its owner once that is seen to live. `level` is for the log."""
        version, owner = self._look()
        first, since = _sign_of_life(version, owner), self._machine.clock()
        patience = PATIENCE * (owner.length_seconds if owner else self.length_seconds)
        if version is not None and not self._is_free(owner):
            watched = owner or "its lease"
            _log.log(level, "%s: watching for %d s at most if this lives: %s", self._lake, patience, watched)
        while True:
            is_silent = _sign_of_life(version, owner) == first
            outwatched = is_silent and self._machine.clock() - since > patience
            if version is None or self._is_free(owner) or outwatched:
                if self._try_to_write(version):
                    return None
            elif is_silent:
                self._machine.sleep(self.length_seconds / LOOKS)
            else:
                return str(owner or "somebody")
            version, owner = self._look()

    def renew(self) -> None:
        """Write the record again. Raise UserError if the lease was lost, or what the store raises if that's unknown."""
        with self._lock:
            self._refuse_if_over()
            self._rewrite()

    def check(self) -> None:
        """Return if nobody else can have the lease, and raise otherwise; call it right before each write to a table.

        It asks the storage only if the last renewal that succeeded began a length ago or more, for example because this
        process stood still. A renewal that succeeds then proves that nobody had the lease meanwhile. Raise
        UserError if the lease was lost, and ServiceUnavailableError, or what the store raises, if that can't be known.
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
        """Give the lease up at once. Raise UserError if the lease was lost.

        If this raises what the store raises, or ServiceUnavailableError, the next process must watch the record first.
        """
        with self._lock:
            if self.over is None:
                self.over = f"{self._lake}: its lease was released"
                self._record = replace(self._record, released=True)
                self._rewrite()

    def _refuse_if_over(self) -> None:
        if self.over is not None:
            raise UserError(self.over)

    def _look(self) -> tuple[str | None, LeaseRecord | None]:
        content, version = self._store.read() or (b"", None)
        found = parse_record(content)
        if found is not None and found.owner == self._record.owner:
            self._record = replace(self._record, stop_asked_by=found.stop_asked_by or self.stop_asked_by)
        return version, found

    def _is_free(self, owner: LeaseRecord | None) -> bool:
        if owner is None:
            return False
        is_ours = owner.owner == self._record.owner  # an earlier write succeeded, but its answer was lost
        return owner.released or is_ours or owner.is_dead(self._machine)

    def _rewrite(self) -> None:
        for _ in range(_ATTEMPTS):
            if self._try_to_write(self._version):
                return
            version, owner = self._look()
            if version is None or owner is None or owner.owner != self._record.owner:
                self.over = (
                    f"{self._lake}: its lease was lost to {owner or 'somebody'}; only one may write it: stop the other"
                )
                raise UserError(self.over)
            # Somebody asked for a stop, or an earlier write succeeded and its answer was lost.
            self._version = version
        raise ServiceUnavailableError(f"{self._lake}: its lease changed {_ATTEMPTS} times while it was renewed")

    def _try_to_write(self, version: str | None) -> bool:
        """Write the record in place of the one at `version`, or as the first one if that is None; True if it worked."""
        self._record = replace(self._record, renewals=self._record.renewals + 1, renewed_at=now_text())
        content = self._record.as_json()
        begun = self._machine.clock()
        written = self._store.create(content) if version is None else self._store.replace(version, content)
        if written is not None:
            self._version, self._sure_until = written, begun + self.length_seconds
        return written is not None


def _sign_of_life(version: str | None, owner: LeaseRecord | None) -> Hashable:
    # To ask an owner to stop makes another version, but is no sign of the owner's.
    return owner.sign_of_life if owner else version


@contextmanager
def hold_lease(
    store: LeaseStore,
    *,
    job: str,
    wait: bool = False,
    length_seconds: float = 60.0,
    machine: Machine | None = None,
) -> Iterator[Lease]:
    """Acquire a lease, renew it in a thread while the block runs, and release it at the end.

    The block gets the lease, and calls `check` of it before each write. `job` names the owner to people; `wait` and the
    errors are those of `Lease.acquire`. A release that fails is only logged.
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
