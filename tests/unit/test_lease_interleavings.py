"""Processes that want one lease, and one that asks its owner to stop, in any order of their steps.

Each may stand still at any call, for any time.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta
from itertools import groupby
from random import Random
from threading import Semaphore, Thread
from typing import TypeVar

import pytest

from event_lake.errors import EventLakeError, ServiceUnavailableError
from event_lake.lake.lease import Lease
from event_lake.lake.lease_record import parse_record
from event_lake.lake.machine import Machine
from event_lake.lake.stopping import StopRequest

T = TypeVar("T")
LENGTH = 60.0
# How often what isn't usual happens, of all steps.
FAULTS = 0.08


class Killed(BaseException):
    """What ends a process anywhere."""


class Process:
    """A job that stands still at each call until it's told what becomes of it; also the storage as it sees it."""

    lake = "lake"

    def __init__(self, world: "World", pid_space: str, pid: int, clock_rate: float) -> None:
        self.pid_space, self.pid = pid_space, pid
        self.may: Sequence[str] = ()
        self.wakes_at = 0.0
        self._world = world
        self._outcome = ""
        self._go = Semaphore(0)
        self._machine = Machine(
            host="host",
            pid_space=pid_space,
            pid=pid,
            is_alive=lambda pid: any((p.pid_space, p.pid) == (pid_space, pid) for p in world.processes),
            clock=lambda: world.now * clock_rate,
            sleep=lambda seconds: self._stand("goes on", until=world.now + seconds / clock_rate) and None,
        )
        Thread(target=self._live, daemon=True).start()
        assert world.stands.acquire(timeout=60)

    def goes_on(self, outcome: str) -> None:
        """Tell it one of what it `may` do or meet, or "dies"; returns when it stands still again."""
        self._outcome = outcome
        self._go.release()
        assert self._world.stands.acquire(timeout=60)

    def _stand(self, *may: str, until: float = 0.0) -> str:
        self.may, self.wakes_at = may, until
        self._world.stands.release()
        self._go.acquire()
        if self._outcome == "dies":
            raise Killed
        return self._outcome

    def _live(self) -> None:
        with suppress(Killed):
            while True:
                self._stand("starts")
                with suppress(EventLakeError):
                    self._run()
        self._world.stands.release()

    def _run(self) -> None:
        lease = Lease(self, "job", length_seconds=LENGTH, machine=self._machine)
        lease.acquire()
        self._hold(lease)

    def _hold(self, lease: Lease) -> None:
        while True:
            with suppress(ServiceUnavailableError):
                match self._stand("checks", "renews", "releases", until=self._world.now + 0.5):
                    case "checks":
                        lease.check()
                        self._world.passed.append(lease)
                    case "renews":
                        lease.renew()
                    case _:
                        lease.release()
                        return

    def _asked(self, request: Callable[[], T]) -> T:
        match self._stand("arrives", "arrives late", "gets lost"):
            case "arrives":
                answer = request()
                if self._stand("is answered", "answer gets lost") == "is answered":
                    return answer
            case "arrives late":
                self._world.late.append(request)
        raise ServiceUnavailableError

    def read(self) -> tuple[bytes, str] | None:
        return self._asked(lambda: self._world.record)

    def create(self, content: bytes) -> str | None:
        return self._asked(lambda: self._world.write(None, content))

    def replace(self, version: str, content: bytes) -> str | None:
        return self._asked(lambda: self._world.write(version, content))


class Asker(Process):
    """Asks whoever holds the lease to stop, and waits for a while."""

    def _run(self) -> None:
        request = StopRequest(self, by="somebody", machine=self._machine)
        request.ask()
        result = request.await_end(timedelta(minutes=3))
        self._world.told.add(result.was_running)


class World:
    """What processes share; one of them moves at a time.

    `passed`: the leases whose check did, in that order. `told`: whether askers met running jobs. `forgotten`: the
    records with which an owner that was asked to stop has forgotten it, or with which another owner took it for itself.
    """

    def __init__(self, clock_rates: Sequence[float]) -> None:
        self.now = 0.0
        self.record: tuple[bytes, str] | None = None
        self.late: list[Callable[[], object]] = []
        self.passed: list[Lease] = []
        self.told: set[bool] = set()
        self.forgotten: list[bytes] = []
        self.stands = Semaphore(0)
        self.processes: list[Process] = []
        self._clock_rates = clock_rates
        # Two on one machine, and one with the same process id on another.
        for pid_space, pid in (("here", 1), ("here", 2), ("there", 1)):
            self._start(Process, pid_space, pid)
        self._start(Asker, "there", 2)

    def _start(self, kind: type[Process], pid_space: str, pid: int) -> None:
        rate = self._clock_rates[pid % 2]
        self.processes.append(kind(self, pid_space, pid, rate))

    def write(self, expected: str | None, content: bytes) -> str | None:
        if (self.record[1] if self.record else None) != expected:
            return None
        if self.record and _forgets(self.record[0], content):
            self.forgotten.append(content)
        # As of ETags, a version is the content's.
        self.record = content, content.decode()
        return self.record[1]

    def go_on(self, chance: Random) -> None:
        """Mostly, one process goes on for some steps while the others stand still."""
        process = chance.choice(self.processes)
        match chance.choices(("steps", "late arrival", "restart"), (16, 2, 1))[0]:
            case "steps":
                oversleeps = chance.choice((0, 1, 8, 20))
                for _ in range(chance.randrange(5, 25)):
                    if process.wakes_at > self.now:
                        self.now = process.wakes_at + oversleeps
                    process.goes_on(chance.choice(process.may) if chance.random() < FAULTS else process.may[0])
            case "late arrival" if self.late:
                self.late.pop(chance.randrange(len(self.late)))()
            case "restart":
                self.kill(process)
                self._start(type(process), process.pid_space, process.pid + 2)

    def kill(self, process: Process) -> None:
        self.processes.remove(process)
        process.goes_on("dies")

    def relied_on_two_at_once(self) -> bool:
        """Whether a lease was relied on after another had been since."""
        return len(list(groupby(self.passed))) > len(set(self.passed))


def _forgets(before: bytes, after: bytes) -> bool:
    old, new = parse_record(before), parse_record(after)
    assert old
    assert new
    if old.owner != new.owner:
        return new.stop_asked_by != ""
    # Who asked may take it back from an owner that gave no sign of life.
    return old.stop_asked_by not in ("", new.stop_asked_by) and old.sign_of_life != new.sign_of_life


@contextmanager
def world(clock_rates: Sequence[float]) -> Iterator[World]:
    made = World(clock_rates)
    try:
        yield made
    finally:
        for process in [*made.processes]:
            made.kill(process)


def history(seed: int, clock_rates: Sequence[float]) -> World:
    chance = Random(seed)
    with world(clock_rates) as made:
        for _ in range(25):
            made.go_on(chance)
        return made


# Processes with odd ids have the second clock.
@pytest.mark.parametrize("clock_rates", [(1.0, 1.2), (1.2, 1.0)])
def test_no_check_passes_once_another_owners_has_and_no_request_is_lost_or_anothers(
    clock_rates: Sequence[float],
) -> None:
    histories = [history(seed, clock_rates) for seed in range(200)]
    assert [seed for seed, ended in enumerate(histories) if ended.relied_on_two_at_once() or ended.forgotten] == []
    # The search has seen both.
    assert set().union(*(ended.told for ended in histories)) == {True, False}


def test_the_same_search_finds_what_a_clock_that_runs_much_too_fast_would_do() -> None:
    assert any(history(seed, (1.0, 3.0)).relied_on_two_at_once() for seed in range(200))
