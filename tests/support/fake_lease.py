"""Fake the storage of a lease's record in memory, a clock that moves only while somebody sleeps, and machines."""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from event_lake.errors import ServiceUnavailableError
from event_lake.lake.lease import Lease
from event_lake.lake.machine import Machine

OUTAGE = ServiceUnavailableError("lake there: PutObject: timeout")


@dataclass
class FakeStore:
    """A record in memory. Each write calls `before` and `after`, which may raise an error."""

    lake: str = "there"
    record: tuple[bytes, str] | None = None
    writes: int = 0
    before: Callable[[], None] = lambda: None
    after: Callable[[], None] = lambda: None

    def read(self) -> tuple[bytes, str] | None:
        return self.record

    def create(self, content: bytes) -> str | None:
        return self._write(None, content)

    def replace(self, version: str, content: bytes) -> str | None:
        return self._write(version, content)

    def _write(self, expected: str | None, content: bytes) -> str | None:
        self.before()
        if (self.record[1] if self.record else None) != expected:
            return None
        self.writes += 1
        self.record = content, str(self.writes)
        self.after()
        return str(self.writes)

    @property
    def fields(self) -> Any:
        """Return the fields of the record, which must be there."""
        assert self.record
        return json.loads(self.record[0])


def raising(error: Exception, times: int = 1) -> Callable[[], None]:
    """Return a function that raises `error` the first `times` that it's called."""
    left = [error] * times

    def call() -> None:
        if left:
            raise left.pop()

    return call


@dataclass
class Clock:
    """A clock, in seconds, that moves only by sleeping. Each sleep calls `then`."""

    now: float = 1000.0
    slept: list[float] = field(default_factory=list)
    then: Callable[[], None] = lambda: None

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        self.then()


def a_machine(
    clock: Clock,
    *,
    host: str = "one",
    pid: int = 7,
    pid_space: str | None = None,
    alive: frozenset[int] = frozenset({7}),
) -> Machine:
    """Return a process and its machine, on which the processes with the ids `alive` live."""
    return Machine(
        host=host,
        pid_space=host if pid_space is None else pid_space,
        pid=pid,
        is_alive=alive.__contains__,
        clock=lambda: clock.now,
        sleep=clock.sleep,
    )


def a_lease(store: FakeStore, clock: Clock, *, job: str = "ingest_raw", **machine: Any) -> Lease:
    """Return a lease of a minute that wasn't acquired yet."""
    return Lease(store, job, length_seconds=60.0, machine=a_machine(clock, **machine))


def acquired(store: FakeStore, clock: Clock, **machine: Any) -> Lease:
    """Return a lease of a minute that was acquired."""
    lease = a_lease(store, clock, **machine)
    lease.acquire()
    return lease
