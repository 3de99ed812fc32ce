"""The thread that renews a lease, and how a lease ends; here alone time is real."""

import logging
from threading import Event
from threading import enumerate as enumerate_threads

import pytest

from event_lake.errors import UserError
from event_lake.lake.lease import Lease, hold_lease
from event_lake.lake.machine import Machine
from support.fake_lease import OUTAGE, FakeStore, raising


def test_a_held_lease_is_renewed_in_the_background_over_outages_too() -> None:
    renewed = Event()
    store = FakeStore()
    with hold_lease(store, job="ingest_raw", length_seconds=0.03):
        store.before = raising(OUTAGE, times=3)
        store.after = lambda: renewed.set() if store.writes > 5 else None
        assert renewed.wait(30)
    assert store.fields["released"] is True


def test_a_lease_is_released_when_its_block_fails() -> None:
    store = FakeStore()
    with pytest.raises(KeyError, match="the block's own"), hold_lease(store, job="ingest_raw"):
        raise KeyError("the block's own")
    assert store.fields["released"] is True


def test_a_release_that_fails_is_logged_and_hides_no_error(caplog: pytest.LogCaptureFixture) -> None:
    store = FakeStore()

    def fails_in_an_outage() -> None:
        with hold_lease(store, job="ingest_raw"):
            store.before = raising(OUTAGE)
            raise KeyError("the block's own")

    with pytest.raises(KeyError, match="the block's own"):
        fails_in_an_outage()
    assert [r.getMessage() for r in caplog.records if r.levelno == logging.WARNING] == [
        "the lease wasn't released, the next job will watch it first: lake there: PutObject: timeout"
    ]


def test_a_lease_that_was_lost_is_neither_renewed_nor_released() -> None:
    store = FakeStore()
    Lease(store, "build_staging", machine=Machine(host="two", pid=8)).acquire()
    assert store.record
    another = store.record[0]
    store.record = None
    with hold_lease(store, job="ingest_raw", length_seconds=0.03) as lease:
        [renewing] = [thread for thread in enumerate_threads() if thread.name == "lease"]
        store.record = another, "another"
        renewing.join(30)
        with pytest.raises(UserError, match="lost to build_staging on host two, pid 8"):
            lease.check()
    assert store.record == (another, "another")
