"""A lease, its owner and who watches it; see test_lease_held, test_lease_interleavings and test_lease_stores."""

import os
import subprocess
import sys
from typing import Any

import pytest

from event_lake.errors import ServiceUnavailableError, UserError
from event_lake.lake.lease import Lease
from event_lake.lake.machine import Machine
from support.fake_lease import OUTAGE, Clock, FakeStore, a_lease, acquired, raising


def test_a_free_lease_is_taken_at_once_and_tells_people_whose_it_is() -> None:
    store, clock = FakeStore(), Clock()
    acquired(store, clock).check()
    stored = store.fields
    assert clock.slept == []
    assert {key: stored[key] for key in ("job", "host", "pid", "length_seconds", "released")} == {
        "job": "ingest_raw",
        "host": "one",
        "pid": 7,
        "length_seconds": 60.0,
        "released": False,
    }
    assert stored["acquired_at"] <= stored["renewed_at"]


def test_who_finds_an_owner_that_renews_is_refused_at_once_and_told_whose_the_lake_is() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    since = store.fields["acquired_at"]
    clock.then = lambda: owner.renew() if clock.now == 1021.0 else None
    with pytest.raises(UserError) as refused:
        a_lease(store, clock, host="two").acquire()
    assert str(refused.value) == (
        f"lake there: ingest_raw on host one, pid 7, since {since} writes it; stop that, or choose another lake.root"
    )
    assert clock.now == 1021.0
    owner.check()


def test_who_waits_says_for_whom_once_and_takes_the_lease_at_its_release(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO")
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)

    def passes() -> None:
        if clock.now == 1090.0:
            owner.release()
        elif clock.now < 1090.0 and clock.now % 20 < 3:
            owner.renew()

    clock.then = passes
    waiting = a_lease(store, clock, host="two")
    waiting.acquire(wait=True)
    waiting.check()
    assert clock.now == 1090.0
    waits = [message for message in caplog.messages if "waiting" in message]
    assert len(waits) == 1
    assert waits[0].startswith("lake there: waiting for the end of ingest_raw on host one, pid 7, since ")


def test_an_owner_that_is_silent_for_its_length_and_a_quarter_loses_its_lease() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    next_owner = acquired(store, clock, host="two")
    assert 75.0 < clock.now - 1000.0 <= 78.0
    next_owner.check()
    with pytest.raises(UserError, match=r"lost to ingest_raw on host two, pid 7, since .*: stop the other"):
        owner.check()


def test_the_length_is_that_of_the_lease_that_is_watched() -> None:
    store, clock = FakeStore(), Clock()
    Lease(store, "job", length_seconds=600.0, machine=Machine(host="one", pid_space="one")).acquire()
    acquired(store, clock, host="two")
    assert 750.0 < clock.now - 1000.0 <= 753.0


def test_a_released_lease_is_free_at_once() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    owner.release()
    acquired(store, clock, host="two").check()
    assert clock.slept == []
    with pytest.raises(UserError, match="lake there: its lease was released"):
        owner.check()


def test_a_dead_process_of_the_same_machine_is_succeeded_at_once() -> None:
    store, clock = FakeStore(), Clock()
    acquired(store, clock, pid=6)
    acquired(store, clock, alive=frozenset({7})).check()
    assert clock.slept == []


@pytest.mark.parametrize(
    ("owner", "watcher"),
    [
        pytest.param({}, {}, id="its process id is alive, maybe as another's"),
        pytest.param({}, {"pid_space": "another boot or container"}, id="its process id means another process here"),
        pytest.param({"pid_space": ""}, {"pid_space": "", "alive": frozenset()}, id="nothing tells what it means"),
    ],
)
def test_an_owner_that_may_live_is_watched(owner: dict[str, Any], watcher: dict[str, Any]) -> None:
    store, clock = FakeStore(), Clock()
    acquired(store, clock, **owner)
    acquired(store, clock, **watcher)
    assert sum(clock.slept) > 75.0


def test_of_two_who_find_it_free_the_second_is_refused() -> None:
    store, clock = FakeStore(), Clock()
    rivals: list[Lease] = []
    slower = a_lease(store, clock, host="two")

    def is_overtaken() -> None:
        store.before = lambda: None
        rivals.append(acquired(store, clock))

    store.before = is_overtaken
    with pytest.raises(UserError, match="on host one, pid 7"):
        slower.acquire()
    assert clock.slept == []
    rivals[0].check()


def test_a_record_that_is_unreadable_is_watched_and_then_replaced() -> None:
    store, clock = FakeStore(record=(b'{"job"', "0")), Clock()
    acquired(store, clock).check()
    assert sum(clock.slept) > 75.0


def test_a_check_after_a_standstill_renews_and_so_proves_that_nobody_came() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    clock.now += 3600
    owner.check()
    assert store.writes == 2
    owner.check()
    assert store.writes == 2


def test_a_check_fails_while_the_storage_is_out_of_reach_for_the_leases_length_and_passes_again_when_it_is_back() -> (
    None
):
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    store.before = raising(OUTAGE, times=2)
    with pytest.raises(ServiceUnavailableError):
        owner.renew()
    clock.now += 59.9
    owner.check()
    clock.now += 0.1
    with pytest.raises(ServiceUnavailableError, match="timeout"):
        owner.check()
    owner.check()


def test_a_check_fails_if_its_renewal_takes_longer_than_the_lease() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    clock.now += 60
    store.after = lambda: clock.sleep(60)
    with pytest.raises(ServiceUnavailableError, match="lake there: to renew its lease took longer than the 60 s"):
        owner.check()


def test_a_lease_counts_from_before_it_is_written() -> None:
    store, clock = FakeStore(), Clock()
    store.after = lambda: clock.sleep(50)
    owner = acquired(store, clock)
    store.after = lambda: None
    clock.now += 10
    owner.check()
    assert store.writes == 2


def test_a_renewal_whose_answer_was_lost_is_recognized_and_counts_from_the_next() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    store.after = raising(OUTAGE)
    with pytest.raises(ServiceUnavailableError):
        owner.renew()
    clock.now += 70
    owner.renew()
    assert store.writes == 3
    owner.check()
    assert store.writes == 3


def test_an_acquisition_that_took_effect_unseen_is_recognized() -> None:
    store, clock = FakeStore(), Clock()
    lease = a_lease(store, clock)
    store.after = raising(OUTAGE)
    with pytest.raises(ServiceUnavailableError):
        lease.acquire()
    lease.acquire()
    lease.check()
    assert clock.slept == []


def test_a_lease_whose_record_was_removed_is_lost() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)
    store.record = None
    with pytest.raises(UserError, match="its lease was lost to somebody; only one may write it: stop the other"):
        owner.renew()
    with pytest.raises(UserError, match="lost to somebody"):
        owner.check()


def test_a_record_that_never_stops_changing_is_not_taken_for_ours() -> None:
    store, clock = FakeStore(), Clock()
    owner = acquired(store, clock)

    def changes() -> None:
        assert store.record
        store.record = store.record[0], store.record[1] + "'"

    store.before = changes
    with pytest.raises(ServiceUnavailableError, match="changed 3 times while it was renewed"):
        owner.renew()


def test_a_process_that_was_waited_for_is_dead_and_others_are_alive() -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    # The first process is another user's, unless root runs this.
    assert [Machine().is_alive(pid) for pid in (gone.pid, os.getpid(), 1)] == [False, True, True]
